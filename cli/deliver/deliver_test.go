package deliver

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// TestAReceiverThatFails gets each alert at least once, in order, whatever it answers and however long it takes.
func TestAReceiverThatFails(t *testing.T) {
	w := newWorld(t)
	w.client.Timeout = 200 * time.Millisecond
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	w.answer = func(n int, _ string, out http.ResponseWriter) {
		switch n % 6 {
		case 1:
			out.WriteHeader(http.StatusInternalServerError)
		case 2:
			out.Header().Set("Retry-After", "3600") // longer than anybody waits
			out.WriteHeader(http.StatusTooManyRequests)
		case 3:
			panic(http.ErrAbortHandler) // the connection breaks, and with it the answer
		case 4:
			out.WriteHeader(http.StatusFound) // not followed
		case 5:
			if n == 5 {
				select { // it hangs
				case <-over:
				case <-time.After(time.Minute):
				}
			}
		}
	}
	w.publish(8)
	stop := w.start()
	w.has(1, 8)
	w.publish(4)
	w.has(1, 12)
	stop()
	if len(w.left) > 0 {
		t.Errorf("left out: %v", w.left)
	}
}

// TestLostReply: the receiver has taken an alert, and the delivery does not know. It comes again, under the same id.
func TestLostReply(t *testing.T) {
	w := newWorld(t)
	w.answer = func(n int, _ string, out http.ResponseWriter) {
		if n == 2 {
			w.lock(func() { w.requests[1].took = true })
			panic(http.ErrAbortHandler)
		}
	}
	w.publish(3)
	stop := w.start()
	w.has(1, 3)
	stop()
	if _, all := w.taken(); all != 4 {
		t.Errorf("taken %d times, want one of 3 twice", all)
	}
}

// TestNothingIsLostWithTheProcess ends a delivery while the receiver is away; the next one delivers.
func TestNothingIsLostWithTheProcess(t *testing.T) {
	w := newWorld(t)
	w.answer = func(_ int, _ string, out http.ResponseWriter) { out.WriteHeader(http.StatusServiceUnavailable) }
	w.publish(3)
	stop := w.start()
	w.await("a retry", func() (ok bool) { w.lock(func() { ok = len(w.retries) > 2 }); return })
	stop()
	w.lock(func() { w.answer = nil })
	stop = w.start()
	w.has(1, 3)
	w.committed(3)
	stop()
	_, before := w.taken()
	stop = w.start() // what is committed is not delivered again
	w.publish(1)
	w.has(1, 4)
	stop()
	if _, all := w.taken(); all != before+1 {
		t.Errorf("%d deliveries, want %d", all, before+1)
	}
}

// TestKilledBetweenDeliveryAndCommit: what was delivered and not committed comes again, under the same ids.
func TestKilledBetweenDeliveryAndCommit(t *testing.T) {
	w := newWorld(t)
	net := &cut{}
	cfg := w.cfg
	cfg.Dial = net.dial
	w.answer = func(n int, _ string, _ http.ResponseWriter) {
		if n == 3 {
			net.cut()
		}
	}
	w.publish(5)
	stop := w.startOn(cfg)
	w.await("the third", func() bool { got, _ := w.taken(); return len(got) >= 3 })
	stop()
	w.lock(func() { w.answer = nil })
	stop = w.start()
	w.has(1, 5)
	w.await("a repeat", func() bool { _, all := w.taken(); return all > 5 })
	stop()
}

// TestOneBadAlert holds up no other for long, and is told.
func TestOneBadAlert(t *testing.T) {
	w := newWorld(t)
	var bad string
	w.answer = func(_ int, id string, out http.ResponseWriter) {
		w.lock(func() {
			if bad == "" {
				bad = id
			}
		})
		if id == bad {
			out.WriteHeader(http.StatusUnprocessableEntity)
		}
	}
	w.publish(3)
	stop := w.start()
	w.has(2, 3)
	stop()
	tries := 0
	for _, r := range w.requests {
		if r.id == bad {
			tries++
		}
	}
	if !slices.Equal(w.left, []string{"case 1"}) || tries != quick.Refusals {
		t.Errorf("left out %v after %d tries", w.left, tries)
	}
}

// TestWrongAddress: that is nobody's alert's fault, so none is left out.
func TestWrongAddress(t *testing.T) {
	w := newWorld(t)
	status := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone, http.StatusMovedPermanently, http.StatusRequestTimeout}
	w.answer = func(n int, _ string, out http.ResponseWriter) {
		if n <= 30 {
			out.WriteHeader(status[n%len(status)])
		}
	}
	w.publish(2)
	stop := w.start()
	w.has(1, 2)
	stop()
	if len(w.left) > 0 {
		t.Errorf("left out: %v", w.left)
	}
}

// TestWhatIsNoAlert is left out and told; copies are delivered once.
func TestWhatIsNoAlert(t *testing.T) {
	w := newWorld(t)
	p := kafka.NewPublisher(w.connect(), nil)
	defer p.Close()
	good := stage.Record{Topic: pipelines.ConductAlerts, Key: []byte("k"), Stage: pipelines.Aggregator, Position: stage.Position{Offset: 1},
		Value: codec.Append(nil, pipelines.ConductAlerts, breach(1))}
	foreign, junk := good, good
	foreign.Stage = ""
	junk.Value = []byte("{}")
	w.write(p, foreign, junk, good, good)
	w.written = 1
	w.publish(1)
	stop := w.start()
	w.has(1, 2)
	stop()
	if _, all := w.taken(); all != 2 || len(w.left) != 2 {
		t.Errorf("%d deliveries; left out: %q", all, w.left)
	}
}

// fake is a receiver without a network.
type fake struct{ answers []error }

func (*fake) Name() string                 { return "fake" }
func (*fake) Recall(*Alert)                {}
func (*fake) Remind(context.Context) error { return nil }
func (f *fake) Send(context.Context, *Alert) error {
	err := f.answers[0]
	f.answers = f.answers[1:]
	return err
}

// TestRetryAfter waits as long as the receiver asks, within reason.
func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		after    time.Duration
		min, max time.Duration
	}{
		{0, 500 * time.Millisecond, time.Second}, {90 * time.Second, 90 * time.Second, 90 * time.Second},
		{48 * time.Hour, 15 * time.Minute, 15 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := &handler{ctx: t.Context(), to: &fake{[]error{&Answer{Status: 503, After: c.after}, nil}}, keep: &world{t: t}, pace: DefaultPace}
			began := time.Now()
			if err := h.attempts(&Alert{}, &stage.Record{}); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took < c.min || took > c.max {
				t.Errorf("Retry-After of %v: waited %v", c.after, took)
			}
		})
	}
	for v, want := range map[string]time.Duration{"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "99999999999999": 1 << 20 * time.Second, "9999999": 1 << 20 * time.Second,
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): 0} {
		if got := after(http.Header{"Retry-After": {v}}); got != want {
			t.Errorf("%q: %v", v, got)
		}
	}
	if got := after(http.Header{"Retry-After": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}}); got < 59*time.Minute || got > time.Hour {
		t.Errorf("a date in an hour: %v", got)
	}
}

// TestErrorsTellNoSecret: an address may hold a token in its path, and what a receiver says may hold anything.
func TestErrorsTellNoSecret(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "a\x1b[31m\nb", http.StatusBadRequest) }))
	u, err := CheckURL("--webhook", s.URL+"/services/TOKEN?key=TOKEN", false)
	if err != nil {
		t.Fatal(err)
	}
	client := NewClient()
	err = post(t.Context(), client, u, nil, nil)
	client.CloseIdleConnections()
	s.Close()
	away := post(t.Context(), client, u, nil, nil)
	for _, err := range []error{err, away} {
		if err == nil || strings.Contains(err.Error(), "TOKEN") || strings.ContainsAny(err.Error(), "\x1b\n") || !strings.Contains(err.Error(), u.Host) {
			t.Errorf("%v", err)
		}
	}
}

func TestCheckURL(t *testing.T) {
	for address, want := range map[string]string{
		"https://hooks.example.com/x": "", "http://127.0.0.1:9093": "", "http://[::1]:1/": "", "http://hooks.example.com": "plaintext",
		"ftp://a": "not an http", "": "not an http", "https://": "not an http", "https://user:secret@a": "credentials",
	} {
		_, err := CheckURL("--webhook", address, false)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := CheckURL("--webhook", "http://hooks.example.com", true); err != nil {
		t.Error(err)
	}
}

func TestSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "webhook.secret")
	if _, err := LoadSecret(file); err == nil || !strings.Contains(err.Error(), "casetrail alerts secret") {
		t.Errorf("none: %v", err)
	}
	if err := CreateSecret(file); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadSecret(file); err != nil {
		t.Error(err)
	}
	if err := CreateSecret(file); err == nil {
		t.Error("a secret was written over")
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadSecret(file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("others may read it: %v", err)
	}
	for _, text := range []string{"", "secret", "whsec_", "whsec_AAAA", "whsec_" + strings.Repeat("A", 400), "whsec_%%%", strings.Repeat("A", 44)} {
		file := filepath.Join(t.TempDir(), "s")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadSecret(file); err == nil || !strings.Contains(err.Error(), file+": want whsec_") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestEventBody is what a receiver of webhooks gets.
func TestEventBody(t *testing.T) {
	w := newWorld(t)
	w.publish(1)
	stop := w.start()
	w.has(1, 1)
	stop()
	var got map[string]any
	if err := json.Unmarshal(w.requests[0].body, &got); err != nil {
		t.Fatal(err)
	}
	if got["type"] != "guard_breach" || got["timestamp"] != "2027-01-15T08:00:00Z" || got["data"] != "case 1" || len(got) != 3 {
		t.Errorf("%v", got)
	}
}
