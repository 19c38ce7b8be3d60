package kafka

import (
	"context"
	"net"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

const (
	heartbeat = time.Second
	// leaveGrace is how long leaving a group may take before its connections are cut: a join that waits for other
	// members cannot be interrupted otherwise.
	leaveGrace = 1500 * time.Millisecond
)

// membership is this process's place in a consumer group.
type membership struct {
	group *kafkago.ConsumerGroup
	conns *connSet
}

func (c *Client) join(id string, topics []string, b *balancer) (*membership, error) {
	conns := &connSet{dial: c.cfg.Dial, open: map[net.Conn]struct{}{}}
	d := c.dialer()
	d.DialFunc = conns.connect
	g, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: id, Brokers: c.cfg.Brokers, Dialer: d, Topics: topics,
		GroupBalancers:    []kafkago.GroupBalancer{b},
		HeartbeatInterval: min(heartbeat, c.cfg.SessionTimeout/3),
		SessionTimeout:    c.cfg.SessionTimeout,
		RebalanceTimeout:  max(c.cfg.SessionTimeout, 10*time.Second),
		JoinGroupBackoff:  200 * time.Millisecond,
		StartOffset:       kafkago.FirstOffset,
		Timeout:           5 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	return &membership{group: g, conns: conns}, nil
}

// leave ends the current generation, waits for its tasks, and leaves the group.
func (m *membership) leave() {
	left := make(chan struct{})
	go func() {
		defer close(left)
		_ = m.group.Close() // always nil
	}()
	select {
	case <-left:
		return
	case <-time.After(taskGrace + leaveGrace):
	}
	m.conns.cut()
	<-left
}

// connSet keeps track of a group's connections, so that they can be cut.
type connSet struct {
	dial func(context.Context, string, string) (net.Conn, error)

	mu   sync.Mutex
	shut bool
	open map[net.Conn]struct{}
}

type trackedConn struct {
	net.Conn
	set *connSet
}

func (s *connSet) connect(ctx context.Context, network, address string) (net.Conn, error) {
	s.mu.Lock()
	shut := s.shut
	s.mu.Unlock()
	if shut {
		return nil, net.ErrClosed
	}
	conn, err := s.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	t := &trackedConn{conn, s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	s.open[t] = struct{}{}
	return t, nil
}

func (t *trackedConn) Close() error {
	t.set.mu.Lock()
	delete(t.set.open, t)
	t.set.mu.Unlock()
	return t.Conn.Close()
}

func (s *connSet) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = true
	for c := range s.open {
		_ = c.(*trackedConn).Conn.Close()
	}
}
