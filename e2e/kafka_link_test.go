package e2e

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// link is a network between one client and the brokers that loses and delays what it is told to. It stands in
// kafka.Config.Dial, so it is between the client and every broker, whatever addresses they advertise.
type link struct {
	holds     int16 // which requests hold waits for, by Kafka's protocol: produce requests, unless set
	dropEvery int   // the answer of every n-th produce request is lost, with its connection; 0 loses none

	mu       sync.Mutex
	produces int
	lost     int
	armed    bool          // hold as soon as such a request is written
	shut     chan struct{} // open while nothing gets through
	conns    map[*linkConn]struct{}
}

type linkConn struct {
	net.Conn
	link *link
	mu   sync.Mutex
	late [][]byte // what was written while the link was held
	drop bool
}

func (l *link) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if err := l.wait(ctx); err != nil {
		return nil, err
	}
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	lc := &linkConn{Conn: c, link: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns == nil {
		l.conns = map[*linkConn]struct{}{}
	}
	l.conns[lc] = struct{}{}
	return lc, nil
}

// hold lets nothing through in either direction from the next such request on, until release. That request and what
// is sent after it arrive then, late, like those of a process that was stopped.
func (l *link) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = true
}

func (l *link) held() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shut != nil
}

func (l *link) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.deliver()
	}
	close(l.shut)
	l.shut = nil
}

func (l *link) wait(ctx context.Context) error {
	l.mu.Lock()
	held := l.shut
	l.mu.Unlock()
	if held == nil {
		return nil
	}
	select {
	case <-held:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *linkConn) deliver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.SetWriteDeadline(time.Time{})
	for _, b := range c.late {
		_, _ = c.Conn.Write(b) // a closed connection loses it, as it would
	}
	c.late = nil
}

func (c *linkConn) Write(b []byte) (int, error) {
	l := c.link
	l.mu.Lock()
	if l.armed && frame(b, l.holds) {
		l.armed, l.shut = false, make(chan struct{})
	}
	held := l.shut != nil
	if frame(b, 0) && l.dropEvery > 0 {
		l.produces++
		if l.produces%l.dropEvery == 0 {
			c.drop = true
			l.lost++
		}
	}
	if held {
		c.mu.Lock()
		c.late = append(c.late, slices.Clone(b))
		c.mu.Unlock()
	}
	l.mu.Unlock()
	if held {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *linkConn) Read(b []byte) (int, error) {
	_ = c.link.wait(context.Background())
	if c.drop { // the broker has done its work: wait for the answer, and lose it
		var head [4]byte
		if _, err := io.ReadFull(c.Conn, head[:]); err == nil {
			_, _ = io.CopyN(io.Discard, c.Conn, int64(binary.BigEndian.Uint32(head[:])))
		}
		_ = c.Conn.Close()
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.Conn.Read(b)
	_ = c.link.wait(context.Background())
	return n, err
}

func (c *linkConn) Close() error {
	c.link.mu.Lock()
	delete(c.link.conns, c)
	c.link.mu.Unlock()
	return c.Conn.Close()
}

const addPartitionsToTxn = 24

// frame tells whether b is a request of a kind, by Kafka's protocol; 0 is produce.
func frame(b []byte, kind int16) bool {
	return len(b) > 8 && int(binary.BigEndian.Uint32(b)) == len(b)-4 && int16(binary.BigEndian.Uint16(b[4:])) == kind
}

func (l *link) losses() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}
