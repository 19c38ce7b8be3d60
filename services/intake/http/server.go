// Package http is intake's front for producers without a Kafka client: it checks chat events in JSON and publishes them to
// chat.events, where they are taken like any other.
package http

import (
	"bufio"
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

// Publisher publishes messages to chat.events, keyed by case. It returns once all of them are durable.
type Publisher interface {
	Publish(ctx context.Context, keys, values [][]byte) error
}

// Server is intake's HTTP interface: POST /v1/events with application/json (one event, or an array of them) or
// application/x-ndjson. It answers 202 once all events are durable in chat.events. Where some are refused, it answers 422
// with a problem (RFC 9457) that names each; the others have been taken all the same. A request, or its only event, that is
// too large gets 413.
type Server struct {
	Codec     *schemas.Codec
	Publisher Publisher
	// WallClock refuses events whose time is too far from now.
	WallClock bool
	Now       func() time.Time
}

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
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxRequest))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		refuse(w, problem{Title: "request too large", Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("the body has more than %d bytes; send it in parts", MaxRequest)})
		return
	} else if err != nil {
		refuse(w, problem{Title: "body could not be read", Status: http.StatusBadRequest, Detail: err.Error()})
		return
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	raws, err := split(kind, body)
	if err != nil {
		status := http.StatusBadRequest
		if errors.Is(err, errMedia) {
			status = http.StatusUnsupportedMediaType
		}
		refuse(w, problem{Title: "not a list of events", Status: status, Detail: err.Error()})
		return
	}
	p := problem{Title: "some events were refused", Status: http.StatusUnprocessableEntity}
	var keys, values [][]byte
	for i, raw := range raws {
		e, err := decode(raw)
		if err == nil && s.WallClock {
			err = validate.Time(e, s.Now().UnixMilli())
		}
		if err != nil {
			if p.Rejected++; len(p.Faults) < maxFaults {
				p.Faults = append(p.Faults, fault{i, reason(err), err.Error()})
			}
			continue
		}
		keys = append(keys, []byte(e.CaseID))
		values = append(values, s.Codec.Append(nil, pipelines.ChatEvents, e))
	}
	if len(values) > 0 {
		if err := s.Publisher.Publish(r.Context(), keys, values); err != nil {
			w.Header().Set("Retry-After", "1")
			refuse(w, problem{Title: "chat.events can't be written now", Status: http.StatusServiceUnavailable,
				Detail: "nothing was confirmed; send it all again: events that were taken already count once"})
			return
		}
	}
	if len(raws) == 1 && len(raws[0]) > MaxEvent {
		p.Title, p.Status = "event too large", http.StatusRequestEntityTooLarge
	}
	if p.Accepted = len(values); p.Rejected > 0 {
		refuse(w, p)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(map[string]int{"accepted": p.Accepted}) // the client may be gone
}

var errMedia = errors.New("Content-Type is neither application/json nor application/x-ndjson")

// split cuts a body into its events.
func split(kind string, body []byte) (raws [][]byte, err error) {
	switch kind {
	case "application/json":
		body = bytes.TrimSpace(body)
		if len(body) == 0 || body[0] != '[' {
			return [][]byte{body}, nil
		}
		var list []json.RawMessage
		if err := json.Unmarshal(body, &list); err != nil {
			return nil, fmt.Errorf("not a JSON array: %w", err)
		}
		for _, raw := range list {
			raws = append(raws, raw)
		}
	case "application/x-ndjson":
		lines := bufio.NewScanner(bytes.NewReader(body))
		lines.Buffer(nil, MaxRequest+1)
		for lines.Scan() {
			if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
				raws = append(raws, bytes.Clone(line))
			}
		}
		err = lines.Err()
	default:
		return nil, errMedia
	}
	if len(raws) > MaxEvents {
		return nil, fmt.Errorf("%d events in one request; at most %d", len(raws), MaxEvents)
	}
	return raws, err
}

func reason(err error) string {
	for _, r := range []error{validate.ErrTooLarge, validate.ErrTime} {
		if errors.Is(err, r) {
			return r.Error()
		}
	}
	return validate.ErrEvent.Error()
}

func refuse(w http.ResponseWriter, p problem) {
	p.Type = "about:blank"
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone
}
