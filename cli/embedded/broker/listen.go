package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// maxRequest is how large a client's request may be: the largest batch of the topology, and room.
const maxRequest = 64 << 20

// gate is the one listener, which outlives the clusters behind it: while one is exchanged for the next, clients wait.
type gate struct{ real *net.TCPListener }

func listen(addr string) (*gate, error) {
	if addr == "" {
		addr = DefaultAddr
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: address %q: %w; write it like %s", addr, err, DefaultAddr)
	}
	if host != "" && host != "127.0.0.1" && host != "localhost" {
		return nil, fmt.Errorf("embedded broker: address %q: it has no passwords and listens on 127.0.0.1 only; "+
			"for other hosts run Apache Kafka", addr)
	}
	ln, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("embedded broker: port %s is in use: another Casetrail or Kafka may be running; "+
			"stop it or choose another port: %w", port, err)
	}
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	return &gate{ln.(*net.TCPListener)}, nil
}

func (g *gate) addr() string { return g.real.Addr().String() }

// listen opens the gate for one cluster.
func (g *gate) listen(string, string) (net.Listener, error) {
	if err := g.real.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	return &session{gate: g}, nil
}

// session is the listener as one cluster sees it.
type session struct {
	gate   *gate
	closed atomic.Bool
	mu     sync.Mutex // held while accepting
}

// Accept waits for a client.
func (s *session) Accept() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return nil, net.ErrClosed
	}
	c, err := s.gate.real.Accept()
	if err != nil {
		return nil, err
	}
	return &bounded{Conn: c}, nil
}

// Close ends Accept, waits for that, and leaves the gate to the next session.
func (s *session) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	err := s.gate.real.SetDeadline(time.Unix(1, 0))
	s.mu.Lock()
	defer s.mu.Unlock()
	return err
}

// Addr is the address of the gate.
func (s *session) Addr() net.Addr { return s.gate.real.Addr() }

// bounded is a connection that breaks where a request announces itself larger than maxRequest: kfake would make room for
// up to 4 GiB, and anything that is not Kafka, such as a browser, announces more than one.
type bounded struct {
	net.Conn
	head []byte // the bytes of the size that were read
	left int    // bytes of the request that were not
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	for read := p[:n]; len(read) > 0; {
		if b.left > 0 {
			skip := min(b.left, len(read))
			b.left, read = b.left-skip, read[skip:]
			continue
		}
		take := min(4-len(b.head), len(read))
		b.head, read = append(b.head, read[:take]...), read[take:]
		if len(b.head) < 4 {
			continue
		}
		size := binary.BigEndian.Uint32(b.head)
		if size > maxRequest {
			return 0, errors.Join(fmt.Errorf("a request of %d bytes", size), b.Close())
		}
		b.left, b.head = int(size), b.head[:0]
	}
	return n, err
}
