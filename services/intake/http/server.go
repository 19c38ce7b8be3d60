// Package http is intake's front for producers without a Kafka client: it checks chat events in JSON and publishes them to
// chat.events, where they are taken like any other.
package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/validate"
)

// Bounds on a request.
const (
	MaxEvent   = 128 << 10
	MaxRequest = 16 << 20
	MaxEvents  = 10_000
	maxFaults  = 100 // told one by one; the rest only counted
)

// publishTime is how long a request waits for its events to be durable.
const publishTime = 10 * time.Second

// Publisher publishes messages to chat.events, keyed by case. Offer returns nil once all of them are durable, and
// kafka.ErrFull at once where it takes none of them because too much is waiting.
type Publisher interface {
	Offer(ctx context.Context, keys, values [][]byte) error
	Load() kafka.Load
}

// Server is intake's HTTP interface: POST /v1/events with application/json (one event, or an array of them) or
// application/x-ndjson. It answers 202 once all events are durable in chat.events. Where some are refused, it answers 422
// with a problem (RFC 9457) that names each; the others have been taken all the same. A request, or its only event, that is
// too large gets 413. Where there is more than can be written it answers 429, and where Kafka is away 503, each with
// Retry-After: nothing of a request that got 429 was taken.
//
// Whatever comes, it holds no more than MaxBodies of bodies, a few times that while they are read, and kafka.MaxHeld of
// events that are not durable yet. Make one with New.
type Server struct {
	Options
	gate gate
}

// Options are what a Server needs.
type Options struct {
	Codec     *schemas.Codec
	Publisher Publisher
	// WallClock refuses events whose time is too far from now.
	WallClock bool
	Now       func() time.Time
}

// New makes a server.
func New(o Options) *Server { return &Server{Options: o, gate: gate{load: o.Publisher.Load}} }

// Handler returns the routes.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/events", s.post)
	return mux
}

type fault struct {
	Index  int    `json:"index"` // which event of the request, from 0
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

type problem struct {
	Type     string  `json:"type"`
	Title    string  `json:"title"`
	Status   int     `json:"status"`
	Detail   string  `json:"detail,omitempty"`
	Accepted int     `json:"accepted"`
	Rejected int     `json:"rejected"`
	Faults   []fault `json:"faults,omitempty"`
}

func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	if busy := s.gate.enter(); busy != nil {
		s.turnAway(w, busy)
		return
	}
	defer s.gate.leave()
	keys, values, p := s.read(w, r)
	if p.Status == http.StatusTooManyRequests {
		s.turnAway(w, s.gate.full("the bodies of other requests"))
		return
	}
	if len(values) > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), publishTime)
		defer cancel()
		err := s.Publisher.Offer(ctx, keys, values)
		switch {
		case errors.Is(err, kafka.ErrFull) || err == nil && inject.RefusedButTaken.Is():
			s.turnAway(w, s.gate.full("events that are not durable yet"))
			return
		case err != nil:
			s.turnAway(w, s.gate.away())
			return
		}
	}
	if p.Accepted = len(values); p.Status != 0 {
		s.refuse(w, p)
		return
	}
	s.gate.count(http.StatusAccepted)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(map[string]int{"accepted": p.Accepted}) // the client may be gone
}

// read takes the body apart. What it returns keeps nothing of it. A problem without a status is none.
func (s *Server) read(w http.ResponseWriter, r *http.Request) (keys, values [][]byte, p problem) {
	body, done, err := s.gate.body(http.MaxBytesReader(w, r.Body, MaxRequest))
	defer done()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, nil, problem{Title: "request too large", Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("the body has more than %d bytes; send it in parts", MaxRequest)}
	case errors.Is(err, errFull):
		return nil, nil, problem{Status: http.StatusTooManyRequests}
	case err != nil:
		return nil, nil, problem{Title: "body could not be read", Status: http.StatusBadRequest, Detail: err.Error()}
	}
	n, single := 0, false
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	err = each(kind, body, func(raw []byte) {
		n, single = n+1, n == 0 && len(raw) > MaxEvent
		e, err := decode(raw)
		if err == nil && s.WallClock {
			err = validate.Time(e, s.Now().UnixMilli())
		}
		if err != nil {
			if p.Rejected++; len(p.Faults) < maxFaults {
				p.Faults = append(p.Faults, fault{n - 1, reason(err), err.Error()})
			}
			return
		}
		keys = append(keys, []byte(e.CaseID))
		values = append(values, s.Codec.Append(nil, pipelines.ChatEvents, e))
	})
	switch {
	case errors.Is(err, errMedia):
		return nil, nil, problem{Title: "not a list of events", Status: http.StatusUnsupportedMediaType, Detail: err.Error()}
	case err != nil:
		return nil, nil, problem{Title: "not a list of events", Status: http.StatusBadRequest, Detail: err.Error()}
	case single:
		p.Title, p.Status = "event too large", http.StatusRequestEntityTooLarge
	case p.Rejected > 0:
		p.Title, p.Status = "some events were refused", http.StatusUnprocessableEntity
	}
	return keys, values, p
}

var errMedia = errors.New("Content-Type is neither application/json nor application/x-ndjson")

// each calls fn for each event of a body, in order; what fn gets is good until it returns. After an error it may have been
// called for some.
func each(kind string, body []byte, fn func(raw []byte)) error {
	n := 0
	next := func(raw []byte) error {
		if n++; n > MaxEvents {
			return fmt.Errorf("more than %d events in one request; send them in parts", MaxEvents)
		}
		fn(raw)
		return nil
	}
	switch kind {
	case "application/json":
		if body = bytes.TrimSpace(body); len(body) == 0 || body[0] != '[' {
			return next(body)
		}
		return elements(body, next)
	case "application/x-ndjson":
		for line := range bytes.SplitSeq(body, []byte{'\n'}) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				if err := next(line); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return errMedia
}

// elements calls fn for each element of a JSON array.
func elements(array []byte, fn func(raw []byte) error) error {
	dec := json.NewDecoder(bytes.NewReader(array))
	_, err := dec.Token()
	var raw json.RawMessage
	for err == nil && dec.More() {
		if err = dec.Decode(&raw); err == nil {
			err = fn(raw)
		}
	}
	if err == nil {
		_, err = dec.Token()
	}
	if err == nil {
		if _, after := dec.Token(); after != io.EOF {
			err = errors.New("something follows it")
		}
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("not a JSON array of at most %d events: %w", MaxEvents, err)
	}
	return nil
}

func reason(err error) string {
	for _, r := range []error{validate.ErrTooLarge, validate.ErrTime} {
		if errors.Is(err, r) {
			return r.Error()
		}
	}
	return validate.ErrEvent.Error()
}

func (s *Server) refuse(w http.ResponseWriter, p problem) {
	s.gate.count(p.Status)
	p.Type = "about:blank"
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone
}

// turnAway says when to try again.
func (s *Server) turnAway(w http.ResponseWriter, b *busy) {
	w.Header().Set("Retry-After", fmt.Sprint(b.after))
	s.refuse(w, problem{Title: b.title, Status: b.status, Detail: fmt.Sprintf("%s; try again in %d s", b.detail, b.after)})
}
