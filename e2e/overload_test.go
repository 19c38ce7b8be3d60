package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	intakehttp "github.com/casetrail/casetrail/services/intake/http"
)

// mostMemory bounds what intake and the sink may take while too much comes: what the bounds of services/intake/http and of a
// publisher add up to, twice because of garbage, and the model. It does not depend on how much comes.
const mostMemory = 600 << 20

// TestOverload sends more than intake can take, over connections that are fast and over ones that stall, while nobody takes
// the ledger off the sink. Producers do as they are told: they try again when Retry-After says. Afterwards everything that
// was confirmed is there, nothing of a request that was only ever refused is, and the whole verifies.
func TestOverload(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs the whole pipeline")
	}
	p := harness.Start(t, harness.Embedded, harness.Options{Without: []string{pipelines.Sink}})
	address := harness.Address(t)
	sink := p.Add(pipelines.Sink, "--clickhouse-url", "http://"+address+"/casetrail")
	o := &overload{p: p, confirmed: map[string]bool{}}

	// Clients that stall hold all that bodies may take.
	const part = 1 << 20
	stalled := make([]net.Conn, intakehttp.MaxBodies/part)
	for i := range stalled {
		stalled[i] = o.stall(t, part)
	}
	harness.Eventually(t, "the stalled bodies are held", patience, func() bool {
		return p.Service(pipelines.Intake, 0).Metric("casetrail_http_body_bytes") >= intakehttp.MaxBodies
	})
	// A small one, which is sent whole before the answer comes: what is cut off has no answer for sure.
	if code, after := o.send(t, o.body("refused", 3)); code != http.StatusTooManyRequests || after < 1 || after > 30 {
		t.Errorf("with every byte taken: %d, try again in %d s", code, after)
	}
	for _, c := range stalled {
		_ = c.Close()
	}

	// Many more producers than there is room for, each with large requests.
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() { o.insist(t, fmt.Sprint("producer ", i), 200) })
	}
	all.Wait()
	if o.refused == 0 {
		t.Log("no producer was refused but the first")
	}
	t.Logf("%d requests confirmed, %d refused; intake's peak %d MiB, the sink's %d MiB", len(o.confirmed), o.refused+1,
		p.Service(pipelines.Intake, 0).Peak()>>20, sink.Peak()>>20)
	for name, peak := range map[string]int64{"intake": p.Service(pipelines.Intake, 0).Peak(), "the sink": sink.Peak()} {
		if peak > mostMemory {
			t.Errorf("%s took %d MiB, at most %d", name, peak>>20, mostMemory>>20)
		}
	}
	got := map[string]int{}
	p.Read(pipelines.ChatEvents, func(_ stage.Record, m schemas.Message) {
		if e, ok := m.(*schemas.ChatEvent); ok {
			got[e.CaseID]++
		}
	})
	for id := range o.confirmed {
		if got[id] < 200 {
			t.Errorf("%s: %d of 200 confirmed events are there", id, got[id])
		}
	}
	if got["refused"] > 0 {
		t.Errorf("%d events are there of a request that was refused", got["refused"])
	}
	forward(t, address, strings.TrimPrefix(p.ClickHouse, "http://"))
	sink.Ready()
	db := p.Database(t)
	harness.Eventually(t, "the sink catches up", patience, func() bool {
		return p.Count(db, "SELECT count() FROM cases") == uint64(len(o.confirmed))
	})
	p.Verify()
	once(t, p)
}

type overload struct {
	p         *harness.Pipeline
	mu        sync.Mutex
	confirmed map[string]bool
	refused   int
}

// body is a whole case of so many events in some 8 KB each; nothing in them has to be classified but the first.
func (o *overload) body(id string, events int) []byte {
	first, last := eventsOf(id)
	var b bytes.Buffer
	fmt.Fprintln(&b, first)
	for i := range events - 2 {
		fmt.Fprintf(&b, `{"event_id":"x%d","case_id":%q,"kind":"message","sender":"human","occurred_at":%q,"text":%q}`+"\n",
			i, id, time.Now().UTC().Format(time.RFC3339), strings.Repeat("word ", 1600))
	}
	fmt.Fprintln(&b, last)
	return b.Bytes()
}

// send returns the status and the seconds of Retry-After. Of a request that is cut off while it is being sent, the answer is
// whatever can be read; 0 where there is none.
func (o *overload) send(t *testing.T, body []byte) (code, after int) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.p.HTTP+"/v1/events", bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, 0
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	resp, err := c.Do(req)
	if err != nil {
		return 0, 1
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body) // the status says it all
	after, _ = strconv.Atoi(resp.Header.Get("Retry-After"))
	return resp.StatusCode, after
}

// insist sends a case until it is confirmed.
func (o *overload) insist(t *testing.T, id string, events int) {
	body := o.body(id, events)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		code, after := o.send(t, body)
		o.mu.Lock()
		switch code {
		case http.StatusAccepted:
			o.confirmed[id] = true
			o.mu.Unlock()
			return
		case http.StatusTooManyRequests, http.StatusServiceUnavailable, 0:
			o.refused++
		default:
			t.Errorf("%s: %d", id, code)
		}
		o.mu.Unlock()
		time.Sleep(time.Duration(after) * time.Second) // as it was told
	}
	t.Errorf("%s was never confirmed", id)
}

// stall sends a part of a body and then nothing.
func (o *overload) stall(t *testing.T, part int) net.Conn {
	c, err := net.Dial("tcp", strings.TrimPrefix(o.p.HTTP, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := fmt.Fprintf(c, "POST /v1/events HTTP/1.1\r\nHost: intake\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n%s", 2*part, strings.Repeat(" ", part-1)); err != nil {
		t.Fatal(err)
	}
	return c
}
