package clickhouse

import (
	"strconv"
	"sync"
	"time"
)

// sessions are connections kept between requests, for their temporary tables and settings. All others get a
// connection of their own, which is how requests are kept apart (it costs 0.3 ms).
type sessions struct {
	open func() (*conn, error)

	mu     sync.Mutex
	m      map[string]*session
	closed bool
}

type session struct {
	conn   *conn
	busy   bool
	expire *time.Timer
}

// acquire returns the connection that a request runs on, and how to give it back.
func (s *sessions) acquire(r *request) (*conn, func(), error) {
	id := r.sessionID()
	if id == "" {
		c, err := s.open()
		if err != nil {
			return nil, nil, err
		}
		return c, c.close, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ses := s.m[id]
	switch {
	case s.closed:
		return nil, nil, exception(1002, "UNKNOWN_EXCEPTION", "The engine is closing")
	case ses != nil && ses.busy:
		return nil, nil, exception(373, "SESSION_IS_LOCKED", "Session %s is locked by a concurrent client", id)
	case ses != nil:
		ses.expire.Stop()
	case r.is("session_check"):
		return nil, nil, exception(372, "SESSION_NOT_FOUND", "Session %s not found", id)
	case len(s.m) >= maxSessions:
		return nil, nil, exception(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "There are %d sessions already", maxSessions)
	default:
		c, err := s.open()
		if err != nil {
			return nil, nil, err
		}
		ses = &session{conn: c}
		s.m[id] = ses
	}
	ses.busy = true
	return ses.conn, func() { s.release(id, ses, r) }, nil
}

func (s *sessions) release(id string, ses *session, r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ses.busy = false
	if s.closed || r.is("close_session") {
		s.drop(id, ses)
		return
	}
	ttl := sessionTimeout
	if n, err := strconv.Atoi(r.params.Get("session_timeout")); err == nil && n > 0 {
		ttl = min(time.Duration(n)*time.Second, maxSessionTime)
	}
	ses.expire = time.AfterFunc(ttl, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !ses.busy {
			s.drop(id, ses)
		}
	})
}

func (s *sessions) drop(id string, ses *session) {
	if s.m[id] == ses {
		delete(s.m, id)
		ses.conn.close()
	}
}

// close closes what isn't busy; the rest closes when it is given back.
func (s *sessions) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for id, ses := range s.m {
		if !ses.busy {
			ses.expire.Stop()
			s.drop(id, ses)
		}
	}
}
