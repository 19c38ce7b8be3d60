package e2e

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/casetrail/casetrail/e2e/harness"
)

// away: the sink was started while ClickHouse was not there. It waits, says so, and catches up once ClickHouse is.
func (w *wall) away(t *testing.T) {
	sink := w.sink
	code, body := sink.Get("/readyz")
	if code != http.StatusServiceUnavailable || !strings.Contains(body, "clickhouse schema") || !strings.Contains(body, "refused") {
		t.Errorf("/readyz says %d, and not why: %s", code, body)
	}
	if code, _ := sink.Get("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz says %d", code)
	}
	if sink.Metric("casetrail_sink_clickhouse_up") != 0 {
		t.Error("casetrail_sink_clickhouse_up is not 0")
	}
	forward(t, w.address, strings.TrimPrefix(w.p.ClickHouse, "http://"))
	sink.Ready()
	db := w.p.Database(t)
	harness.Eventually(t, "the sink catches up", patience, func() bool {
		return w.p.Count(db, "SELECT count() FROM cases") >= uint64(len(w.cases))
	})
	rows, err := db.Query(t.Context(), "SELECT case_id, customer_messages FROM cases")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	got := map[string]uint32{}
	for rows.Next() {
		var id string
		var messages uint32
		if err := rows.Scan(&id, &messages); err != nil {
			t.Fatal(err)
		}
		got[id] += messages
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, id := range w.cases {
		if got[id] != 1 {
			t.Errorf("case %q: %d messages of the customer in ClickHouse, want 1", id, got[id])
		}
		delete(got, id)
	}
	if len(got) > 0 {
		t.Errorf("cases that should not be: %v", got)
	}
	w.p.Verify()
	once(t, w.p)
}

// forward takes connections at an address and passes them on, until the test ends.
func forward(t *testing.T, address, to string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go pass(from, to)
		}
	}()
}

func pass(from net.Conn, to string) {
	defer from.Close()
	onward, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer onward.Close()
	var wg sync.WaitGroup
	half := func(dst, src net.Conn) {
		_, _ = io.Copy(dst, src) // either end may go at any time
		_ = dst.(*net.TCPConn).CloseWrite()
	}
	wg.Go(func() { half(onward, from) })
	half(from, onward)
	wg.Wait()
}
