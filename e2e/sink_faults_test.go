package e2e

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"
)

// faulty stands before the engine and harms a share of the INSERTs: it cuts them off in the middle, or lets them through
// and drops the reply.
type faulty struct {
	target string
	every  int64 // one INSERT in so many is harmed
	seen   atomic.Int64
	client http.Client
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	harm := int64(0)
	if strings.HasPrefix(r.URL.Query().Get("query"), "INSERT") {
		if n := f.seen.Add(1); n%f.every == 0 {
			harm = 1 + n/f.every%2
		}
	}
	if harm == 1 { // the engine sees a body that ends too early
		conn := io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{})
		if resp, err := f.forward(r, conn); err == nil {
			_ = resp.Body.Close()
		}
		panic(http.ErrAbortHandler)
	}
	resp, err := f.forward(r, bytes.NewReader(body))
	if err != nil || harm == 2 {
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	for k, v := range resp.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("cut off") }

func (f *faulty) forward(r *http.Request, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, f.target+r.URL.RequestURI(), body)
	if err != nil {
		return nil, err
	}
	req.Header = r.Header.Clone()
	return f.client.Do(req)
}

// until sinks again and again, as the service does after an error, until all is in.
func (l *testLedger) until(db *insert.Database) error {
	for {
		err := l.sink(db)
		if err == nil || errors.Is(err, insert.ErrContradiction) || l.t.Context().Err() != nil {
			return err
		}
	}
}

func TestSinkRepliesLostAndInsertsCutOff(t *testing.T) {
	e := startEngine(t)
	e.database("faulty")
	proxy := httptest.NewServer(&faulty{target: "http://" + e.addr, every: 3})
	t.Cleanup(proxy.Close)
	db, err := insert.Open(proxy.URL + "/faulty")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	l := newTestLedger(t, 0, 4)
	l.run(30, 20, 2000)
	if err := errors.Join(e.database("faulty").Expect(t.Context(), 1), l.until(db)); err != nil {
		t.Fatal(err)
	}
	checkSinked(t, e.analyst(t, "faulty"), l)
}

// TestSinkManyAtOnce has sinks insert the same ledgers side by side, some of them far behind the others.
func TestSinkManyAtOnce(t *testing.T) {
	e := startEngine(t)
	db := e.database("many")
	a, b := newTestLedger(t, 0, 5), newTestLedger(t, 1, 6)
	a.run(25, 20, 2000)
	b.run(25, 20, 2000)
	if err := db.Expect(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 4 {
		for _, l := range []*testLedger{a, b} {
			f, err := l.fold(db) // all of them start from nothing
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				if err := l.drain(f, db, i > 1); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	checkSinked(t, e.analyst(t, "many"), a, b)
}

// drain inserts what a fold gives; twice inserts each block again at once, as a retry does.
func (l *testLedger) drain(f *insert.Fold, db *insert.Database, twice bool) error {
	for {
		b, err := f.Next()
		if b == nil || err != nil {
			return err
		}
		if err := db.Insert(l.t.Context(), b); err != nil {
			return err
		}
		if twice {
			if err := db.Insert(l.t.Context(), b); err != nil {
				return err
			}
		}
		f.Inserted()
	}
}

// TestSinkEngineKilled kills the engine again and again while two ledgers are inserted, wherever it happens to be.
func TestSinkEngineKilled(t *testing.T) {
	e := startEngine(t)
	db := e.database("killed")
	a, b := newTestLedger(t, 0, 7), newTestLedger(t, 1, 8)
	a.run(30, 20, 2000)
	b.run(30, 20, 2000)
	if err := db.Expect(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	for _, l := range []*testLedger{a, b} {
		go func() { done <- l.until(db) }()
	}
	const enough = 40 // an engine that never lives for a second never gets anything done
	kills, left := 0, 2
	for rng := rand.New(rand.NewPCG(1, 1)); left > 0; {
		var next <-chan time.Time
		if kills < enough {
			next = time.After(time.Duration(50+rng.Int64N(300)) * time.Millisecond)
		}
		select {
		case err := <-done:
			if left--; err != nil {
				t.Fatal(err)
			}
		case <-next:
			e.kill()
			e.start()
			kills++
		}
	}
	t.Logf("killed %d times", kills)
	checkSinked(t, e.analyst(t, "killed"), a, b)
}

// TestSinkViewFails takes the table behind a view away, so that a block gets into some tables and not into others.
func TestSinkViewFails(t *testing.T) {
	for _, table := range []string{"segment_panes", "segment_panes_1h"} {
		t.Run(table, func(t *testing.T) {
			e := startEngine(t)
			db, l := e.database("failing"), newTestLedger(t, 0, 9)
			conn := e.analyst(t, "failing")
			l.run(5, 20, 2000)
			if err := errors.Join(db.Expect(t.Context(), 1), l.sink(db)); err != nil {
				t.Fatal(err)
			}
			l.run(5, 20, 2000)
			if err := conn.Exec(t.Context(), "RENAME TABLE "+table+" TO away"); err != nil {
				t.Fatal(err)
			}
			if err := l.sink(db); err == nil {
				t.Fatal("a block is in although a view failed")
			}
			if err := conn.Exec(t.Context(), "RENAME TABLE away TO "+table); err != nil {
				t.Fatal(err)
			}
			if err := l.sink(db); err != nil {
				t.Fatal(err)
			}
			checkSinked(t, conn, l)
		})
	}
}

// TestSinkRefusesAnotherHistory: what is in ClickHouse must be what is in Kafka, and whole.
func TestSinkRefusesAnotherHistory(t *testing.T) {
	e := startEngine(t)
	db, l, other := e.database("history"), newTestLedger(t, 0, 10), newTestLedger(t, 0, 11)
	l.run(5, 20, 2000)
	other.run(10, 20, 2000)
	if err := l.sink(db); err != nil {
		t.Fatal(err)
	}
	if err := other.sink(db); err == nil { // the chain takes none of its records, so the next checkpoint never comes true
		if h, _, _, err := db.Head(t.Context(), 0); err != nil || h.Size != l.tree.Size() {
			t.Fatalf("head %d, %v", h.Size, err)
		}
	}
	if err := e.analyst(t, "history").Exec(t.Context(), "ALTER TABLE records DELETE WHERE sequence = 3 SETTINGS mutations_sync = 1"); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := db.Head(t.Context(), 0); !errors.Is(err, insert.ErrContradiction) {
		t.Fatalf("a row is missing: %v", err)
	}
}
