package http

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/casetrail/casetrail/pipelines/kafka"
)

// Bounds on all requests together. None of them depends on who sends how much.
const (
	// MaxRequests is how many requests are in hand at once.
	MaxRequests = 512
	// MaxBodies bounds the bodies that are being read and taken apart, in bytes. A body counts as it arrives, so a slow
	// client holds what it has sent and no more.
	MaxBodies = 32 << 20
	// MaxAge is how old what is not durable yet may grow before no more is let in.
	MaxAge = 2 * time.Second

	firstBuffer = 4 << 10
	maxAfter    = 30 // seconds
)

// gate decides what is let in: by what is held, and by how the publisher fares. The zero value with a load is ready.
type gate struct {
	load     func() kafka.Load
	requests atomic.Int64
	bodies   atomic.Int64
	codes    *prometheus.CounterVec // nil without Register
}

// busy is why a request is turned away, and for how long.
type busy struct {
	status        int
	title, detail string
	after         int // seconds
}

// enter lets a request in or says why not, before a byte of its body is read. Call leave after one that was let in.
func (g *gate) enter() *busy {
	l := g.load()
	if l.Oldest > MaxAge {
		if l.Failing != nil {
			return g.away()
		}
		return g.full(fmt.Sprintf("events that are not durable yet, the oldest for %v", l.Oldest.Round(time.Millisecond)))
	}
	if g.requests.Add(1) > MaxRequests {
		g.leave()
		return g.full(fmt.Sprintf("%d requests", MaxRequests))
	}
	return nil
}

func (g *gate) leave() { g.requests.Add(-1) }

// full says that what is waiting must be written first. How long that takes is reckoned from how fast the last of it was.
func (g *gate) full(of string) *busy {
	l, after := g.load(), 1
	if l.Rate > 0 {
		after = min(maxAfter, max(1, int(math.Ceil(float64(l.Held)/l.Rate))))
	}
	return &busy{http.StatusTooManyRequests, "too much at once",
		fmt.Sprintf("nothing of this request was taken: intake has its hands full with %s (%d bytes wait to be written)", of, l.Held), after}
}

// away says that chat.events can't be written: the longer it has been, the later it is worth trying.
func (g *gate) away() *busy {
	return &busy{http.StatusServiceUnavailable, "chat.events can't be written now",
		"nothing was confirmed; send it all again: events that were taken already count once", min(maxAfter, max(1, int(g.load().Oldest.Seconds())))}
}

var errFull = errors.New("too many bytes of bodies")

// body reads a body to its end. Call done when it is not needed any more. The error is errFull, or the reader's.
func (g *gate) body(r io.Reader) (body []byte, done func(), err error) {
	reserved := int64(0)
	done = func() { g.bodies.Add(-reserved) }
	for {
		if len(body) == cap(body) {
			more := int64(max(firstBuffer, len(body))) // it doubles
			if reserved += more; g.bodies.Add(more) > MaxBodies {
				return nil, done, errFull
			}
			body = append(make([]byte, 0, reserved), body...)
		}
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			return body, done, nil
		}
		if err != nil {
			return nil, done, err
		}
	}
}

func (g *gate) count(status int) {
	if g.codes != nil {
		g.codes.WithLabelValues(fmt.Sprint(status)).Inc()
	}
}

// Register makes the server's metrics.
func (s *Server) Register(reg prometheus.Registerer) error {
	gauge := func(name, help string, of func() float64) error {
		return reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "casetrail_http_" + name, Help: help}, of))
	}
	s.gate.codes = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "casetrail_http_requests_total", Help: "Requests answered, by status code."}, []string{"code"})
	return errors.Join(
		reg.Register(s.gate.codes),
		gauge("requests", "Requests in hand.", func() float64 { return float64(s.gate.requests.Load()) }),
		gauge("body_bytes", "Bytes of bodies that are being read and taken apart.", func() float64 { return float64(s.gate.bodies.Load()) }),
		gauge("waiting_bytes", "Bytes of events that are not durable yet.", func() float64 { return float64(s.Publisher.Load().Held) }),
		gauge("waiting_seconds", "How long the oldest of them has been waiting.", func() float64 { return s.Publisher.Load().Oldest.Seconds() }),
		gauge("written_bytes_per_second", "How fast events became durable, over the last writes.", func() float64 { return s.Publisher.Load().Rate }),
	)
}
