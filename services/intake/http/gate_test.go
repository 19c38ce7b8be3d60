package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/casetrail/casetrail/pipelines/kafka"
)

// refusal checks that an answer says what is the matter and when to try again, and returns when.
func refusal(t *testing.T, w *httptest.ResponseRecorder, status int, says ...string) string {
	t.Helper()
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != status || p.Status != status || p.Accepted != 0 ||
		w.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%d %v %s: %v", w.Code, w.Header(), w.Body, err)
	}
	after := w.Header().Get("Retry-After")
	for _, s := range append(says, "try again in "+after+" s") {
		if !strings.Contains(p.Detail, s) {
			t.Errorf("no word of %q in %q", s, p.Detail)
		}
	}
	return after
}

// unread fails the test where a body is read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func ask(s *Server, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/v1/events", body)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// Before a byte of a body is read, a request is turned away that could only wait: with 429 where Kafka is slow, 503 where
// it is away. When to come back is what the pace tells.
func TestTurnsAwayBeforeReading(t *testing.T) {
	for _, c := range []struct {
		load   kafka.Load
		status int
		after  string
		says   string
	}{
		{kafka.Load{Oldest: MaxAge + time.Second, Held: 30 << 20, Rate: 10 << 20}, 429, "3", "nothing of this request was taken"},
		{kafka.Load{Oldest: MaxAge + time.Second, Held: 30 << 20, Rate: 10}, 429, "30", "the oldest for 3s"},
		{kafka.Load{Oldest: MaxAge + time.Second}, 429, "1", ""},
		{kafka.Load{Oldest: 9 * time.Second, Failing: errors.New("no broker")}, 503, "9", "nothing was confirmed"},
	} {
		w := ask(server(&topic{load: c.load}), unread{t})
		if after := refusal(t, w, c.status, c.says); after != c.after {
			t.Errorf("%+v: try again in %s s, want %s", c.load, after, c.after)
		}
	}
	if w := ask(server(&topic{load: kafka.Load{Oldest: time.Second, Failing: errors.New("a hiccup")}}), strings.NewReader(sample)); w.Code != 202 {
		t.Errorf("a hiccup: %d", w.Code)
	}
}

// filling takes so many requests, and then is full.
type filling struct {
	topic
	room int
}

func (f *filling) Offer(ctx context.Context, keys, values [][]byte) error {
	if len(f.values) == f.room {
		return kafka.ErrFull
	}
	return f.topic.Offer(ctx, keys, values)
}

// A request is taken or refused, never both: of one that got 429 nothing was taken, and one that got 202 is there.
func TestRefusedIsNotTaken(t *testing.T) {
	p := &filling{room: 3, topic: topic{load: kafka.Load{Held: 32 << 20, Rate: 8 << 20}}}
	s := server(p)
	taken := map[string]bool{}
	for i := range 5 {
		id := fmt.Sprint("e", i)
		w := ask(s, strings.NewReader(strings.Replace(sample, `"e"`, `"`+id+`"`, 1)))
		if taken[id] = w.Code == 202; !taken[id] {
			if after := refusal(t, w, 429, "nothing of this request was taken"); after != "4" {
				t.Errorf("try again in %s s", after)
			}
		}
	}
	if len(p.values) != 3 {
		t.Errorf("%d events are there, want 3", len(p.values))
	}
	for _, e := range p.values {
		if !taken[e.EventID] {
			t.Errorf("%s is there, though its request was refused", e.EventID)
		}
	}
}

// slow is a body that stalls after its first bytes until it may go on.
type slow struct {
	io.Reader
	on <-chan struct{}
}

func (s *slow) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	if errors.Is(err, io.EOF) {
		<-s.on
	}
	return n, err
}

// Clients that send a little of a large body and stall hold what they have sent and no more; however many they are, what
// is held is bounded, and the others are told.
func TestStalledBodiesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server(&topic{})
		const sent = 1 << 20
		const clients = 3 * MaxBodies / sent
		on := make(chan struct{})
		var mu sync.Mutex
		codes := map[int]int{}
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				w := ask(s, &slow{bytes.NewReader(bytes.Repeat([]byte{' '}, sent-1)), on})
				if w.Code == http.StatusTooManyRequests {
					refusal(t, w, 429, "bodies")
				}
				mu.Lock()
				codes[w.Code]++
				mu.Unlock()
			})
		}
		synctest.Wait()
		if held := s.gate.bodies.Load(); held > MaxBodies {
			t.Errorf("%d bytes are held, at most %d", held, MaxBodies)
		}
		mu.Lock()
		if codes[429] != clients-MaxBodies/sent || len(codes) != 1 {
			t.Errorf("%v", codes)
		}
		mu.Unlock()
		close(on)
		all.Wait()
		if s.gate.bodies.Load() != 0 || s.gate.requests.Load() != 0 {
			t.Errorf("%d bytes and %d requests are still held", s.gate.bodies.Load(), s.gate.requests.Load())
		}
		if w := ask(s, strings.NewReader(sample)); w.Code != 202 {
			t.Errorf("afterwards: %d", w.Code)
		}
	})
}

func TestRequestsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server(&topic{})
		on := make(chan struct{})
		var all sync.WaitGroup
		for range MaxRequests {
			all.Go(func() { ask(s, &slow{strings.NewReader(sample), on}) })
		}
		synctest.Wait()
		refusal(t, ask(s, unread{t}), 429, "512 requests")
		close(on)
		all.Wait()
		if w := ask(s, strings.NewReader(sample)); w.Code != 202 {
			t.Errorf("afterwards: %d", w.Code)
		}
	})
}
