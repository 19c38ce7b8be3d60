package e2e

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/casetrail/casetrail/e2e/reliability"
	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"
)

var (
	engineTrials = flag.Int("engine", 20, "INSERTs into ClickHouse to harm")
	sinksTrials  = flag.Int("sinks", 8, "times that sinks insert overlapping ranges side by side")
)

// harm is what happens to one INSERT.
type harm int

const (
	refused   harm = iota // ClickHouse is away
	longAway              // and stays so for a while
	cutOff                // it ends in the middle
	lostReply             // it is done, and nobody hears of it
	viewFails             // it gets into some tables and not into others
	killedBefore
	killedAmid   // the engine dies while the body comes
	killedAround // some time after that
	killedAfter  // when all is done, before the reply
	harms
)

var harmNames = [harms]string{"refused", "away for long", "cut off", "reply lost", "a view fails", "killed before", "killed in the middle", "killed around the end", "killed before the reply"}

// troubled stands before the engine and harms INSERTs as a seed has it.
type troubled struct {
	engine *engine
	faulty
	conn driver.Conn // an operator's, for taking tables away

	mu   sync.Mutex // of everything, and held while an INSERT is harmed: the engine is there once only
	rng  *rand.Rand
	away int
	left int // trials
	done map[harm]int
	t    *testing.T
}

func (f *troubled) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if !strings.HasPrefix(r.URL.Query().Get("query"), "INSERT") || !f.harmed(r, body) {
		f.pass(w, r, body)
		return
	}
	panic(http.ErrAbortHandler)
}

func (f *troubled) pass(w http.ResponseWriter, r *http.Request, body []byte) {
	resp, err := f.forward(r, bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

// harmed harms an INSERT, or lets every other one be.
func (f *troubled) harmed(r *http.Request, body []byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away > 0 {
		f.away--
		return true
	}
	if f.left == 0 || f.rng.IntN(2) == 0 {
		return false
	}
	f.left--
	h := harm(f.rng.IntN(int(harms)))
	f.done[h]++
	switch h {
	case longAway:
		f.away = 20 + f.rng.IntN(50)
	case cutOff:
		f.send(r, io.MultiReader(bytes.NewReader(body[:f.rng.IntN(len(body))]), broken{}))
	case lostReply:
		f.send(r, bytes.NewReader(body))
	case viewFails:
		table := []string{"segment_panes", "segment_panes_1h"}[f.rng.IntN(2)]
		f.rename(table, "away")
		f.send(r, bytes.NewReader(body))
		f.rename("away", table)
	case killedBefore:
		f.engine.kill()
	case killedAmid:
		f.send(r, io.MultiReader(bytes.NewReader(body[:f.rng.IntN(len(body))]), doing(f.engine.kill), bytes.NewReader(body)))
	case killedAround:
		sent := make(chan struct{})
		go func() { defer close(sent); f.send(r, bytes.NewReader(body)) }()
		select { // a random moment of what takes some ten milliseconds
		case <-time.After(time.Duration(f.rng.IntN(40_000)) * time.Microsecond):
		case <-sent:
		}
		f.engine.kill()
		<-sent
	case killedAfter:
		f.send(r, bytes.NewReader(body))
		f.engine.kill()
	}
	if h >= killedBefore {
		f.engine.start()
	}
	return true
}

// onceReader is a reader of nothing that does something.
type onceReader func()

func (o onceReader) Read([]byte) (int, error) { o(); return 0, io.EOF }

func doing(f func()) io.Reader { return onceReader(f) }

func (f *troubled) send(r *http.Request, body io.Reader) {
	if resp, err := f.forward(r, body); err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

func (f *troubled) rename(from, to string) {
	if err := f.conn.Exec(context.Background(), "RENAME TABLE "+from+" TO "+to); err != nil {
		f.t.Errorf("rename %s: %v", from, err)
	}
}

// trouble opens a database of an engine behind one.
func trouble(t *testing.T, e *engine, name string, rng *rand.Rand, trials int) (*troubled, *insert.Database) {
	t.Helper()
	e.database(name)
	f := &troubled{engine: e, faulty: faulty{target: "http://" + e.addr}, conn: e.analyst(t, name), rng: rng, left: trials, done: map[harm]int{}, t: t}
	proxy := httptest.NewServer(f)
	t.Cleanup(proxy.Close)
	db, err := insert.Open(proxy.URL + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return f, db
}

// TestSinkTrials harms one INSERT after the other, at every point of its way, while two ledgers go into ClickHouse: the
// rows are the ledger's and the windows what it says, whatever happened (I4).
func TestSinkTrials(t *testing.T) {
	e, rng, began := startEngine(t), rand.New(rand.NewPCG(*seed, 11)), time.Now()
	sum := map[harm]int{}
	blocks := 0
	for round := 0; harmed(sum) < *engineTrials; round++ {
		name := fmt.Sprintf("trials_%d", round)
		f, db := trouble(t, e, name, rand.New(rand.NewPCG(rng.Uint64(), 0)), min(50, *engineTrials-harmed(sum)))
		a, b := newTestLedger(t, 0, rng.Uint64()), newTestLedger(t, 1, rng.Uint64())
		for err := db.Expect(t.Context(), 2); err != nil; err = db.Expect(t.Context(), 2) { // it may be harmed, too
			if t.Context().Err() != nil {
				t.Fatal(err)
			}
		}
		for left := f.left; left > 0; {
			a.run(5, 20, 2000)
			b.run(5, 20, 2000)
			blocks += 10
			errs := make(chan error, 2)
			for _, l := range []*testLedger{a, b} {
				go func() { errs <- l.until(db) }()
			}
			if err := errors.Join(<-errs, <-errs); err != nil {
				t.Fatalf("seed %d, round %d, after %v: %v", *seed, round, f.done, err)
			}
			f.mu.Lock()
			left = f.left
			f.mu.Unlock()
		}
		checkSinked(t, e.analyst(t, name), a, b)
		for h, n := range f.done {
			sum[h] += n
		}
	}
	for h, n := range sum {
		t.Logf("%-24s %d", harmNames[h], n)
	}
	report(t, began, reliability.Result{Row: 11, Name: "clickhouse", Fault: "an INSERT harmed", How: strings.Join(harmNames[:], ", "), Trials: harmed(sum),
		Checked: fmt.Sprintf("%d blocks of two ledgers: rows and windows against the signed root", blocks)}, fmt.Sprintf("-engine %d", *engineTrials))
}

func harmed(sum map[harm]int) (n int) {
	for _, x := range sum {
		n += x
	}
	return n
}

// TestSinksSideBySide has sinks insert overlapping ranges at once, some from far back, some dying on the way, over a link
// that loses replies.
func TestSinksSideBySide(t *testing.T) {
	e, rng, began := startEngine(t), rand.New(rand.NewPCG(*seed, 12)), time.Now()
	done, overlaps := 0, 0
	for round := 0; done < *sinksTrials; round++ {
		name := fmt.Sprintf("overlap_%d", round)
		e.database(name)
		proxy := httptest.NewServer(&faulty{target: "http://" + e.addr, every: 7})
		t.Cleanup(proxy.Close)
		db, err := insert.Open(proxy.URL + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		l := newTestLedger(t, 0, rng.Uint64())
		if err := db.Expect(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		for range min(25, *sinksTrials-done) {
			before, err := l.fold(db) // of a sink that slept through what follows
			if err != nil {
				t.Fatal(err)
			}
			stale := len(l.bodies)
			l.run(2+rng.IntN(4), 10, 2000)
			for i := stale; i < len(l.bodies); i++ {
				before.Record(l.bodies[i], int64(i))
			}
			for i, at := range l.at {
				if at > stale {
					before.Checkpoint(l.heads[i], int64(i))
				}
			}
			folds := []*insert.Fold{before}
			for range 1 + rng.IntN(2) {
				f, err := l.fold(db)
				if rng.IntN(5) == 0 {
					f, err = l.whole()
				}
				if err != nil {
					t.Fatal(err)
				}
				folds = append(folds, f)
			}
			var all sync.WaitGroup
			for i, f := range folds {
				most := 1 << 30
				if i > 0 && rng.IntN(3) == 0 {
					most = rng.IntN(3) // it dies after so many blocks
				}
				all.Go(func() {
					if err := l.insert(f, db, most); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			done, overlaps = done+1, overlaps+len(folds)
		}
		checkSinked(t, e.analyst(t, name), l)
	}
	report(t, began, reliability.Result{Row: 12, Name: "sinks", Fault: "sinks side by side", How: "overlapping ranges, some from far back, some dying on the way, replies lost", Trials: done,
		Checked: fmt.Sprintf("%d sinks: rows and windows against the signed root", overlaps)}, fmt.Sprintf("-sinks %d", *sinksTrials))
}

// whole is a fold over the ledger from its start.
func (l *testLedger) whole() (*insert.Fold, error) {
	f, err := insert.NewFold("casetrail/test", l.partition, []string{l.signer.VerifierKey()})
	if err != nil {
		return nil, err
	}
	for i := range l.bodies {
		f.Record(l.bodies[i], int64(i))
	}
	for i := range l.heads {
		f.Checkpoint(l.heads[i], int64(i))
	}
	return f, nil
}

// insert inserts what a fold gives, at most so many blocks, and each until it is in.
func (l *testLedger) insert(f *insert.Fold, db *insert.Database, most int) error {
	for range most {
		b, err := f.Next()
		if b == nil || err != nil {
			return err
		}
		for db.Insert(l.t.Context(), b) != nil {
			if l.t.Context().Err() != nil {
				return l.t.Context().Err()
			}
		}
		f.Inserted()
	}
	return nil
}
