package http

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/schemas"
)

var codec = schemas.NewOfflineCodec(pipelines.Subjects(pipelines.Intake)...)

type topic struct {
	mu     sync.Mutex
	keys   []string
	values []schemas.ChatEvent
	err    error
	load   kafka.Load
}

func (p *topic) Load() kafka.Load { return p.load }

func (p *topic) Offer(_ context.Context, keys, values [][]byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range values {
		var e schemas.ChatEvent
		if err := codec.DecodeInto(values[i], &e); err != nil {
			return err
		}
		p.keys, p.values = append(p.keys, string(keys[i])), append(p.values, e)
	}
	return p.err
}

const sample = `{"event_id":"e","case_id":"c","kind":"message","sender":"customer","occurred_at":"2026-11-24T10:00:00+01:00","text":"שלום, où est mon remboursement? 😡"}`

func server(p Publisher) *Server {
	return New(Options{Codec: codec, Publisher: p, WallClock: true, Now: func() time.Time { return time.Date(2026, 11, 24, 9, 1, 0, 0, time.UTC) }})
}

func post(p *topic, kind, body string) (int, problem) {
	s := server(p)
	r := httptest.NewRequest("POST", "/v1/events", strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	var answer problem
	_ = json.Unmarshal(w.Body.Bytes(), &answer)
	return w.Code, answer
}

func TestEventsAreTaken(t *testing.T) {
	for name, c := range map[string]struct {
		kind, body string
		n          int
	}{
		"one":       {"application/json; charset=utf-8", sample, 1},
		"array":     {"application/json", "[" + sample + "," + sample + "]", 2},
		"ndjson":    {"application/x-ndjson", sample + "\r\n\n" + sample + "\n", 2},
		"no events": {"application/json", "[]", 0},
	} {
		p := &topic{}
		if code, answer := post(p, c.kind, c.body); code != 202 || answer.Accepted != c.n || len(p.values) != c.n {
			t.Errorf("%s: %d %+v", name, code, answer)
		}
		if c.n > 0 && (p.keys[0] != "c" || p.values[0].OccurredAt != 1_795_510_800_000 || !strings.HasPrefix(p.values[0].Text.Value, "שלום")) {
			t.Errorf("%s: %q %+v", name, p.keys, p.values)
		}
	}
}

func TestBadEventsAreNamedAndGoodOnesTaken(t *testing.T) {
	p := &topic{}
	lines := []string{sample, `{"event_id":"e","kind":"mesage","sender":"nobody"}`, `{`, strings.Replace(sample, "2026", "2025", 1), `{"rating":"5"}`, sample}
	code, answer := post(p, "application/x-ndjson", strings.Join(lines, "\n"))
	if code != 422 || answer.Accepted != 2 || answer.Rejected != 4 || len(p.values) != 2 {
		t.Fatalf("%d %+v", code, answer)
	}
	for i, says := range []string{`kind: "mesage" is none of`, "unexpected EOF", "before its arrival", "rating"} {
		if f := answer.Faults[i]; f.Index != i+1 || !strings.Contains(f.Detail, says) {
			t.Errorf("%+v does not say %q", f, says)
		}
	}
}

// What a bot thinks of itself has no place to be said: such an event is refused, and the field is named.
func TestABotsConfidenceIsRefused(t *testing.T) {
	for _, field := range []string{"confidence", "ai_confidence", "probability", "ai_probability", "score", "bare", "human_request", "sentiment"} {
		p := &topic{}
		body := strings.Replace(sample, `"sender":"customer"`, `"sender":"ai","ai_model_version":"m","`+field+`":0.99`, 1)
		if code, answer := post(p, "application/json", body); code != 422 || len(p.values) != 0 || !strings.Contains(answer.Faults[0].Detail, field) {
			t.Errorf("%s: %d %+v", field, code, answer)
		}
	}
}

func TestBadRequests(t *testing.T) {
	for name, c := range map[string]struct {
		kind, body string
		code       int
	}{
		"media type": {"text/plain", sample, 415},
		"array":      {"application/json", "[" + sample, 400},
		"after it":   {"application/json", "[" + sample + "] 1", 400},
		"two many":   {"application/json", "[{}" + strings.Repeat(",{}", MaxEvents) + "]", 400},
		"too many":   {"application/x-ndjson", strings.Repeat("{}\n", MaxEvents+1), 400},
		"too large":  {"application/json", strings.Repeat(" ", MaxRequest+1), 413},
		"too deep":   {"application/json", strings.Repeat(`{"text":`, 10_001), 422},
		"one event":  {"application/json", strings.Replace(sample, "où", strings.Repeat("x", MaxEvent), 1), 413},
		"large text": {"application/json", strings.Replace(sample, "où", strings.Repeat("x", 70_000), 1), 422},
		"clock":      {"application/json", `{"kind":"clock","sender":"system","occurred_at":1}`, 422},
	} {
		if code, answer := post(&topic{}, c.kind, c.body); code != c.code {
			t.Errorf("%s: %d %+v, want %d", name, code, answer, c.code)
		}
	}
	if code, _ := post(&topic{err: errors.New("no broker")}, "application/json", sample); code != 503 {
		t.Errorf("without Kafka: %d", code)
	}
}

func FuzzPost(f *testing.F) {
	f.Add("application/json", sample)
	f.Add("application/x-ndjson", sample+"\n{}")
	f.Add("application/json", "[[[[")
	f.Fuzz(func(t *testing.T, kind, body string) {
		p := &topic{}
		if code, answer := post(p, kind, body); code == 202 && answer.Accepted != len(p.values) {
			t.Errorf("says %d, took %d", answer.Accepted, len(p.values))
		}
	})
}
