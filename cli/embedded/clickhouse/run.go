package clickhouse

import (
	"context"
	"errors"
	"strings"
	"time"
)

// run carries a request out and writes its result to o.
func (s *server) run(o *response, r *request) (err error) {
	if r.isHello() {
		return s.hello(o, r)
	}
	c, release, err := s.sessions.acquire(r)
	if err != nil {
		return err
	}
	defer release()
	undo, err := configure(c, r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, undo()) }()
	if r.insert { // a client that leaves tears its body, and that ends the insert
		return c.insert(r.sql, r.format, r.queryParams(), &o.stats, r.data)
	}
	stop := s.watch(r.http.Context(), r.id)
	defer stop()
	if h, ok := streamable[strings.ToLower(r.format)]; ok {
		if err := runStream(c, o, r, h); err != errNotStreamable {
			return err
		}
	}
	return c.query(r.sql, r.format, r.queryParams(), &o.stats, func(b []byte) error {
		_, err := o.Write(b)
		return err
	})
}

// runStream writes blocks as they come. The first is held until the second comes or there is none: so a result
// of one block goes out with its final status and summary.
func runStream(c *conn, o *response, r *request, h header) error {
	var first []byte
	n := 0
	err := c.stream(r.sql, r.format, r.queryParams(), &o.stats, func(b []byte) error {
		n++
		switch n {
		case 1:
			first = append(first, b...)
			return nil
		case 2:
			if _, err := o.Write(first); err != nil {
				return err
			}
			first = nil
		}
		_, err := o.Write(h.cut(b))
		return err
	})
	if err == nil && len(first) > 0 {
		_, err = o.Write(first)
	}
	return err
}

// watch kills the statement when its client leaves, until stop is called. It knows the statement by its
// log_comment, the one thing a client can set and the list of running statements shows. It asks again and again,
// for the statement may not have got into that list yet.
func (s *server) watch(ctx context.Context, id string) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-done:
			return
		case <-ctx.Done():
		}
		again := time.NewTicker(100 * time.Millisecond)
		defer again.Stop()
		for {
			// A failure to kill leaves the statement to its own end; the next tick tries once more.
			_ = s.engine.kill("endsWith(Settings['log_comment'], " + quote(id) + ")")
			select {
			case <-done:
				return
			case <-again.C:
			}
		}
	}()
	return func() { close(done); <-ended }
}
