package clickhouse

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// server answers HTTP requests from the engine.
type server struct {
	engine   *engine
	sessions *sessions
	slots    chan struct{}
	gate     gate
	local    bool // it listens on loopback only
	log      func(string)
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "Ok.\n") }
	mux.HandleFunc("/ping", ok)
	mux.HandleFunc("/replicas_status", ok)
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost && r.URL.RawQuery == "" {
			ok(w, r)
			return
		}
		s.query(w, r)
	})
	// There are no passwords, so a web page in a browser on this machine mustn't get through: neither by a
	// cross-origin POST nor by a name that resolves to loopback.
	return s.checkHost(http.NewCrossOriginProtection().Handler(mux))
}

func (s *server) checkHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if s.local && host != "localhost" && net.ParseIP(host) == nil {
			http.Error(w, "this ClickHouse is for this machine only: call it localhost or by its address", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) query(w http.ResponseWriter, r *http.Request) {
	params := parameters(r)
	o := &response{w: w, control: http.NewResponseController(w), tag: newUUID()[:8] + newUUID()[:8], version: s.engine.version}
	for name, v := range map[string]string{
		"X-ClickHouse-Server-Display-Name": s.engine.name,
		"X-ClickHouse-Timezone":            s.engine.timezone,
		"X-ClickHouse-Query-Id":            params.Get("query_id"),
		"X-ClickHouse-Exception-Tag":       o.tag,
	} {
		w.Header().Set(name, v)
	}
	if !s.gate.enter() {
		http.Error(w, "the engine is closing", http.StatusServiceUnavailable)
		return
	}
	defer s.gate.leave()
	err := s.slot(r.Context())
	if err == nil {
		defer func() { <-s.slots }()
		var req *request
		if req, err = readRequest(w, r, params); err == nil {
			o.prepare(req)
			err = s.run(o, req)
		}
		if req != nil && req.body != nil {
			req.body.close()
		}
	}
	if err != nil {
		err = o.fail(err)
	} else {
		err = o.finish()
	}
	if err != nil && r.Context().Err() == nil { // the client that would be told has just gone, or it is a fault
		s.log("answer a query: " + err.Error())
	}
}

// slot waits for one of the places for running statements; whoever has got one gives it back.
func (s *server) slot(ctx context.Context) error {
	wait := time.NewTimer(slotTimeout)
	defer wait.Stop()
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-wait.C:
		return exception(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many simultaneous queries. Maximum: %d", cap(s.slots))
	case <-ctx.Done():
		return ctx.Err()
	}
}
