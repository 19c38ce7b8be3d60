package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

type answer struct {
	Accepted int
	Rejected int
	Faults   []struct {
		Index          int
		Reason, Detail string
	}
}

func post(t *testing.T, url, kind, body string) (int, answer) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/events", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&a); err != nil {
		t.Fatalf("%d: %s", resp.StatusCode, b)
	}
	return resp.StatusCode, a
}

// eventsOf is a case as JSON, a line an event: a message, and its resolution.
func eventsOf(id string) (string, string) {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	return fmt.Sprintf(`{"event_id":"1","case_id":%q,"kind":"message","sender":"customer","occurred_at":%q,"customer_id":"c","text":"where is my refund?"}`, id, now),
		fmt.Sprintf(`{"event_id":"2","case_id":%q,"kind":"resolved","sender":"human","occurred_at":%q,"outcome":"resolved_confirmed"}`, id, now)
}

// http publishes as a platform without a Kafka client does.
func (w *wall) http(t *testing.T) {
	const asJSON, asLines = "application/json", "application/x-ndjson"
	send := func(kind, body string, code, accepted int) answer {
		t.Helper()
		got, a := post(t, w.p.HTTP, kind, body)
		if got != code || a.Accepted != accepted {
			t.Errorf("%.80s: %d, %d accepted; want %d, %d\n%+v", body, got, a.Accepted, code, accepted, a)
		}
		return a
	}
	for id, bodies := range map[string]func(a, b string) []string{
		"http single": func(a, b string) []string { return []string{a, b} },
		"http array":  func(a, b string) []string { return []string{"[" + a + "," + b + "]"} },
		"http twice":  func(a, b string) []string { return []string{a, a, "[" + a + "," + a + "]", b, b, a} },
	} {
		first, last := eventsOf(id)
		for _, body := range bodies(first, last) {
			send(asJSON, body, 202, strings.Count(body, "event_id"))
		}
		w.cases = append(w.cases, id)
	}
	first, last := eventsOf("http lines")
	bad := `{"event_id":"9","case_id":"http lines","kind":"mesage","sender":"nobody","occurred_at":1}`
	a := send(asLines, first+"\n"+bad+"\n\n"+last+"\n", 422, 2)
	if len(a.Faults) != 1 || a.Faults[0].Index != 1 || a.Faults[0].Reason != "bad_event" || !strings.Contains(a.Faults[0].Detail, `kind: "mesage" is none of`) ||
		!strings.Contains(a.Faults[0].Detail, `sender: "nobody"`) {
		t.Errorf("%+v", a)
	}
	w.cases = append(w.cases, "http lines")
	huge, _ := eventsOf(strings.Repeat("x", 10<<20))
	if a := send(asJSON, huge, 413, 0); len(a.Faults) != 1 || a.Faults[0].Reason != "too_large" {
		t.Errorf("%+v", a.Faults)
	}
	send(asJSON, strings.Repeat(" ", 17<<20), 413, 0)
	send("text/plain", first, 415, 0)
	w.settled(t) // a duplicate is no reject

	n := 0
	w.p.Read(pipelines.ChatEvents, func(_ stage.Record, m schemas.Message) {
		if e, ok := m.(*schemas.ChatEvent); ok && strings.HasPrefix(e.CaseID, "http ") {
			n++
		}
	})
	if n != 2+2+7+2 {
		t.Errorf("%d events of HTTP on chat.events", n)
	}
}
