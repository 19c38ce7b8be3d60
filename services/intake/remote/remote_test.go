package remote

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/casetrail/casetrail/services/intake/classify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at is a classifier whose service answers so.
func at(t testing.TB, serve http.HandlerFunc) *Classifier {
	t.Helper()
	srv := httptest.NewServer(serve)
	c, err := New(srv.URL, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); srv.Close() })
	return c
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

const good = `{"version":"m-3","case_type":"refund_status","probability":0.93456,"ai_probability":0.98766,"because":["my refund"]}`

func TestAnAnswerIsAFinding(t *testing.T) {
	const text = "where is my \"refund\"?\n😡"
	c := at(t, func(w http.ResponseWriter, r *http.Request) {
		var q question
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Text != text || r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%v %+v", err, q)
		}
		says(good)(w, r)
	})
	found, version := c.Find(text)
	want := classify.Finding{CaseType: "refund_status", Probability: .9345, AIProbability: .9876, Because: []string{"my refund"}}
	if !reflect.DeepEqual(found, want) || version != "m-3" {
		t.Errorf("%+v %s", found, version)
	}
}

// Whatever a service does, a message that it does not type properly and in time is unknown, and says why.
func TestItFailsClosed(t *testing.T) {
	gone := make(chan struct{})
	t.Cleanup(func() { close(gone) })
	hang := func(r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-gone:
		}
	}
	change := func(old, new string) http.HandlerFunc { return says(strings.Replace(good, old, new, 1)) }
	for name, x := range map[string]struct {
		serve http.HandlerFunc
		why   string
	}{
		"never answers": {func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); hang(r) }, "timeout"},
		"drips": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, `{"version":`)
			w.(http.Flusher).Flush()
			hang(r)
		}, "timeout"},
		"hangs up":   {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "unreachable"},
		"error":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); _, _ = io.WriteString(w, good) }, "status"},
		"no content": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "status"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
		}, "status"},
		"too large":           {says(good + strings.Repeat(" ", MaxAnswer)), "too_large"},
		"empty":               {says(""), "broken"},
		"not JSON":            {says("<html>refund_status</html>"), "broken"},
		"cut":                 {says(good[:40]), "broken"},
		"two answers":         {says(good + good), "broken"},
		"an array":            {says("[" + good + "]"), "broken"},
		"null":                {says("null"), "broken"},
		"no type's name":      {change("refund_status", "Crypto advice"), "broken"},
		"everything":          {change("refund_status", "all"), "broken"},
		"no type":             {change(`"case_type":"refund_status",`, ""), "broken"},
		"no version":          {change(`"m-3"`, `""`), "broken"},
		"long version":        {change("m-3", strings.Repeat("m", 65)), "broken"},
		"version of ours":     {change("m-3", noAnswer+"x"), "broken"},
		"version in lines":    {change("m-3", `m\n3`), "broken"},
		"no probability":      {change(`"probability":0.93456,`, ""), "broken"},
		"no AI probability":   {change(`"ai_probability":0.98766,`, ""), "broken"},
		"above 1":             {change("0.98766", "1.1"), "broken"},
		"below 0":             {change("0.98766", "-0.1"), "broken"},
		"a text for it":       {change("0.98766", `"0.98766"`), "broken"},
		"null for it":         {change("0.98766", "null"), "broken"},
		"not a number":        {change("0.98766", "NaN"), "broken"},
		"bare, but of a type": {change(`"case_type"`, `"bare":true,"case_type"`), "broken"},
		"a field of its own":  {change(`"case_type"`, `"confidence":1,"case_type"`), "broken"},
		"six reasons":         {change(`["my refund"]`, `["a","b","c","d","e","f"]`), "broken"},
		"a long reason":       {change("my refund", strings.Repeat("x", 101)), "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := at(t, x.serve)
			found, version := c.Find("where is my refund")
			if !reflect.DeepEqual(found, classify.Finding{CaseType: classify.Unknown}) || version != "external/no-answer/"+x.why {
				t.Errorf("%+v %s, want %s", found, version, x.why)
			}
			if n := testutil.ToFloat64(c.results.WithLabelValues(x.why)); n != 1 {
				t.Errorf("counted %v times", n)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	srv := httptest.NewServer(says(good))
	srv.Close()
	c, err := New(srv.URL, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if found, version := c.Find("hi"); found.CaseType != classify.Unknown || version != "external/no-answer/unreachable" {
		t.Errorf("%+v %s", found, version)
	}
}

// A service that fails again and again is left alone for a while, so that customers are not held up by it.
func TestAfterFailuresInARowItPauses(t *testing.T) {
	var asked atomic.Int64
	var well atomic.Bool
	c := at(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1); well.Load() {
			says(good)(w, r)
			return
		}
		w.WriteHeader(503)
	})
	now := time.Unix(1, 0)
	c.now = func() time.Time { return now }
	for range 10 {
		c.Find("x")
	}
	if n := asked.Load(); n != maxFailures {
		t.Errorf("asked %d times, want %d", n, maxFailures)
	}
	if _, version := c.Find("x"); version != "external/no-answer/paused" {
		t.Error(version)
	}
	well.Store(true)
	now = now.Add(pause)
	if found, _ := c.Find("x"); found.CaseType != "refund_status" {
		t.Errorf("%+v after the pause", found)
	}
}

// No more than MaxAtOnce wait for the service, however many ask.
func TestItAsksABoundedNumberAtOnce(t *testing.T) {
	var at1, most atomic.Int64
	c := at(t, func(w http.ResponseWriter, r *http.Request) {
		if n := at1.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer at1.Add(-1)
		says(good)(w, r)
	})
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() { c.Find("x") })
	}
	wg.Wait()
	if n := most.Load(); n > MaxAtOnce {
		t.Errorf("%d at once", n)
	}
}

func TestCheckURL(t *testing.T) {
	loopback := func(host string) bool { return host == "localhost" }
	for address, says := range map[string]string{
		"http://localhost:1/classify": "", "https://models.example/x": "",
		"localhost:1": "is not an http", "ftp://x": "is not an http", "": "is not an http",
		"https://user:word@x": "credentials", "http://models.example": "in plaintext",
	} {
		if err := CheckURL(address, false, loopback); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if err := CheckURL("http://models.example", true, loopback); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"version":"m","case_type":"unknown","probability":1,"ai_probability":0,"bare":true}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		found, version, err := parse(raw)
		if err != nil {
			if !reflect.DeepEqual(found, classify.Finding{}) || version != "" {
				t.Errorf("%+v %q with %v", found, version, err)
			}
			return
		}
		if version == "" || !(found.AIProbability >= 0 && found.AIProbability <= 1) || found.CaseType == "" || len(found.Because) > maxBecause {
			t.Errorf("%+v %q", found, version)
		}
	})
}
