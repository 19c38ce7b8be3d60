package e2e

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/e2e/reliability"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/customers"
)

var erasures = flag.Int("erasures", 6, "how many customers are erased under load, 1 % of all")

// TestErasure erases 1 % of the customers while others go on talking. Afterwards nothing of them is anywhere, and all that was
// proved before still is.
func TestErasure(t *testing.T) {
	onBothStacks(t, func(t *testing.T, kind harness.Kind) {
		began := time.Now()
		w := &erasureWorld{Pipeline: harness.Start(t, kind, harness.Options{Replicas: map[string]int{pipelines.Intake: 2}}), t: t, gone: map[string]bool{}}
		w.talk(*erasures * 100)
		for i := range *erasures {
			w.erased = append(w.erased, w.name(i*100))
			w.gone[w.name(i*100)] = true
		}
		w.before()
		stop := w.traffic()
		w.erase()
		stop()
		w.after(kind)
		reliability.Report(t, reliability.Result{Row: 180, Name: "erasure-" + string(kind), Fault: "a customer is erased under load", How: "1 % of all customers, on " + string(kind) + "; one of them cut short at every point",
			Trials: len(w.erased), Checked: "bytes of topics, files and logs; casetrail verify --deep; receipts and exports from before; certificates", Seconds: time.Since(began).Seconds(),
			Again: fmt.Sprintf("go test ./e2e -run TestErasure/%s -args -erasures %d", kind, *erasures)})
	})
}

// erasureWorld is a pipeline with customers in it.
type erasureWorld struct {
	*harness.Pipeline
	t      *testing.T
	erased []string
	gone   map[string]bool // the same
	pub    *kafka.Publisher
	export string
	key    *customers.Key // before
	proofs []string       // receipts from before
}

// name is a customer's id, which stands in nothing else.
func (w *erasureWorld) name(i int) string {
	return fmt.Sprintf(nameStart+"%08x-person", uint32(i)*2654435761)
}

const nameStart, nameSize = "kd-", len("kd-00000000-person")

// names tells whether bytes have an erased customer's id in them.
func (w *erasureWorld) names(b []byte) bool {
	for {
		i := bytes.Index(b, []byte(nameStart))
		if i < 0 || len(b) < i+nameSize {
			return false
		}
		if w.gone[string(b[i:i+nameSize])] {
			return true
		}
		b = b[i+1:]
	}
}

// publish puts events into chat.events as a producer would.
func (w *erasureWorld) publish(pub *kafka.Publisher, events ...*schemas.ChatEvent) error {
	return pub.Publish(w.t.Context(), w.records(events...))
}

func (w *erasureWorld) records(events ...*schemas.ChatEvent) (recs []stage.Record) {
	for _, e := range events {
		recs = append(recs, stage.Record{Topic: pipelines.ChatEvents, Key: []byte(e.CaseID), Value: w.Codec.Append(nil, pipelines.ChatEvents, e)})
	}
	return recs
}

// publisher does not compress: a search for bytes must find what is there.
func (w *erasureWorld) publisher() *kafka.Publisher {
	c, err := kafka.NewClient(kafka.Config{Brokers: w.Brokers, Compression: kafka.CompressionNone})
	if err != nil {
		w.t.Fatal(err)
	}
	p := kafka.NewPublisher(c, nil)
	w.t.Cleanup(func() { p.Close(); c.Close() })
	return p
}

// conversation is a case of a customer from its beginning to its end.
func conversation(id, customer string) []*schemas.ChatEvent {
	m := says(id, "Where is my refund? It is I, "+customer)
	m.CustomerID = schemas.Some(customer)
	return []*schemas.ChatEvent{m, ends(id)}
}

// talk has every customer talk, and those who will be erased be rejected too, in each way there is.
func (w *erasureWorld) talk(n int) {
	w.pub = w.publisher()
	var recs []stage.Record
	for i := range n {
		who := w.name(i)
		recs = append(recs, w.records(conversation(fmt.Sprint("case-", i), who)...)...)
		if i%100 == 0 {
			bad := says(fmt.Sprint("bad-", i), "no text may come with a rating: "+who)
			bad.Kind, bad.CustomerID = schemas.EventKindRating, schemas.Some(who)
			late := says(fmt.Sprint("case-", i), "too late: "+who) // the case is over by then
			late.EventID, late.CustomerID = "late", schemas.Some(who)
			recs = append(recs, stage.Record{Topic: pipelines.ChatEvents, Key: fmt.Appendf(nil, "raw-%d", i), Value: []byte(`{"customer": "` + who + `"}`)})
			recs = append(recs, w.records(append(conversation(fmt.Sprint("second-", i), who), bad, late)...)...)
		}
		if i%100 == 99 {
			if err := w.pub.Publish(w.t.Context(), recs); err != nil {
				w.t.Fatal(err)
			}
			recs = recs[:0]
		}
	}
}

// traffic has others talk until it is stopped.
func (w *erasureWorld) traffic() (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	pub := w.publisher()
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				done <- nil
				return
			}
			if err := w.publish(pub, conversation(fmt.Sprint("meanwhile-", i), fmt.Sprint("somebody else ", i))...); err != nil {
				done <- err
				return
			}
		}
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
}

// before takes proofs, and makes certain that the search finds what is there.
func (w *erasureWorld) before() {
	var err error
	if w.key, err = customers.Load(w.Key("customers.secret")); err != nil {
		w.t.Fatal(err)
	}
	db := w.Database(w.t)
	harness.Eventually(w.t, "all cases are in the ledger", 2*time.Minute+time.Duration(*erasures)*3*time.Second, func() bool {
		return w.Count(db, "SELECT count() FROM records WHERE kind = 'case' SETTINGS select_sequential_consistency = 0") >= uint64(*erasures*101)
	})
	w.export = filepath.Join(w.t.TempDir(), "export")
	w.Casetrail("export", w.export, "--no-clickhouse")
	dir := w.t.TempDir()
	w.Casetrail("receipt", "case-0", "--dir", dir)
	if w.proofs, err = filepath.Glob(filepath.Join(dir, "*.tlog-proof")); err != nil || len(w.proofs) == 0 {
		w.t.Fatal("no receipt ", err)
	}
	found := w.inTopics()
	for _, topic := range []string{pipelines.ChatEvents, pipelines.ChatRejects, pipelines.CaseEvents, pipelines.WorkAI} {
		if found[topic] == 0 {
			w.t.Fatalf("the search does not find in %s what is there: %v", topic, found)
		}
	}
	if w.Kind == harness.Embedded && w.inFiles() == 0 { // Apache Kafka has its files elsewhere
		w.t.Fatal("the search does not find in the files what is there")
	}
}

// erase erases them, one alone and cut short at every point, the others at once.
func (w *erasureWorld) erase() {
	w.refused()
	var kills []string
	for _, p := range []inject.Point{inject.ErasureBegun, inject.OrderPublished, inject.TopicsTrimmed} {
		for n := 1; n < 3; n++ {
			kills = append(kills, fmt.Sprintf("CASETRAIL_CRASH=%s:%d", p, n))
		}
	}
	first := w.path("first.certificate")
	if len(w.erased) == 1 { // the short way, for mutants
		w.mustErase(first, w.erased[0])
		return
	}
	for _, kill := range kills {
		if _, complaints, code := w.Tell(w.erased[0]+"\n", []string{kill}, w.eraseArgs(first)...); code == 1 {
			w.t.Fatal(complaints)
		}
		if _, err := os.Stat(first); err == nil {
			break
		}
	}
	if _, err := os.Stat(first); err != nil {
		w.mustErase(first, w.erased[0])
	}
	if _, complaints, code := w.Tell(w.erased[0]+"\n", nil, w.eraseArgs(w.path("again"))...); code != 1 || !strings.Contains(complaints, "nothing to erase") {
		w.t.Errorf("erased again: %d %s", code, complaints)
	}
	w.mustErase(w.path("others.certificate"), w.erased[1:]...)
}

func (w *erasureWorld) mustErase(certificate string, ids ...string) {
	w.t.Helper()
	out, complaints, code := w.Tell(strings.Join(ids, "\n")+"\n", nil, w.eraseArgs(certificate)...)
	if code != 0 {
		w.t.Fatal(out, complaints)
	}
	w.t.Log(out)
	if w.names([]byte(out + complaints)) {
		w.t.Error("it says who was erased")
	}
}

func (w *erasureWorld) eraseArgs(certificate string) []string {
	return []string{"erase", certificate, "--operator-key", w.Key("operator.key"), "--customer-key", w.Key("customers.secret")}
}

func (w *erasureWorld) path(name string) string { return filepath.Join(filepath.Dir(w.export), name) }

// refused is what must not be erased: a case that is open.
func (w *erasureWorld) refused() {
	m := says("open", "Where is my refund?")
	m.CustomerID = schemas.Some("somebody whose case is open")
	if err := w.publish(w.pub, m); err != nil {
		w.t.Fatal(err)
	}
	_, complaints, code := w.Tell("somebody whose case is open\n", nil, w.eraseArgs(w.path("open.certificate"))...)
	if code != 1 || !strings.Contains(complaints, "open cases") {
		w.t.Errorf("a customer with an open case: %d %s", code, complaints)
	}
	if err := w.publish(w.pub, ends("open")); err != nil {
		w.t.Fatal(err)
	}
}

// after checks that nothing is left, and that everything else is.
func (w *erasureWorld) after(kind harness.Kind) {
	if found := w.inTopics(); len(found) > 0 {
		w.t.Errorf("left in topics: %v", found)
	}
	if kind == harness.Embedded { // Kafka's segments go when they are rolled: docs/operating.md
		harness.Eventually(w.t, "nothing is left on the disk", time.Minute, func() bool { return w.inFiles() == 0 })
	}
	w.unlinked()
	w.t.Log(w.Verify())
	trusted, err := record.LoadVerifier(w.Key("ledger.vkey"))
	if err != nil {
		w.t.Fatal(err)
	}
	operator, err := record.LoadVerifier(w.Key("operator.vkey"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.stillProved(trusted)
	cases := int64(0)
	for _, name := range []string{"first.certificate", "others.certificate"}[:min(2, len(w.erased))] {
		text, err := os.ReadFile(w.path(name))
		if err != nil {
			w.t.Fatal(err)
		}
		c, records, err := record.VerifyCertificate(text, trusted, operator)
		if err != nil || len(records) == 0 {
			w.t.Fatal(name, err)
		}
		cases += c.Cases
		text[len(text)/2] ^= 1
		if _, _, err := record.VerifyCertificate(text, trusted, operator); err == nil {
			w.t.Error("an altered certificate verifies")
		}
	}
	if want := int64(2 * len(w.erased)); cases != want {
		w.t.Errorf("the certificates are of %d cases, want %d", cases, want)
	}
}

// stillProved checks what was handed out before.
func (w *erasureWorld) stillProved(trusted note.Verifier) {
	for _, path := range w.proofs {
		text, err := os.ReadFile(path)
		if err == nil {
			_, _, err = record.VerifyReceipt(text, trusted)
		}
		if err != nil {
			w.t.Errorf("a receipt from before: %v", err)
		}
	}
	files, err := filepath.Glob(filepath.Join(w.export, "ledger-*", "records.jsonl"))
	if err != nil || len(files) == 0 {
		w.t.Fatal("no export ", err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err == nil {
			_, _, err = record.VerifyExport(bytes.NewReader(b), trusted, nil)
		}
		if err != nil {
			w.t.Errorf("an export from before: %v", err)
		}
	}
}

// unlinked checks that with all that is left, nobody can tell which cases were theirs, and that for others one can.
func (w *erasureWorld) unlinked() {
	left, err := customers.Load(w.Key("customers.secret"))
	if err != nil {
		w.t.Fatal(err)
	}
	ledger := map[schemas.Hash]int{}
	w.Read(pipelines.ConductRecords, func(_ stage.Record, m schemas.Message) {
		if s, ok := m.(*schemas.SignedRecord); ok && s.Payload.Case.Set {
			ledger[s.Payload.Case.Value.CustomerCommitment]++
		}
	})
	for _, id := range w.erased {
		if ledger[schemas.Hash(w.key.Commitment(id))] != 2 {
			w.t.Error("the cases themselves are gone from the ledger")
		}
		if ledger[schemas.Hash(left.Commitment(id))] != 0 {
			w.t.Error("with the key that is left, an erased customer's cases are found")
		}
	}
	linked := 0
	for i := range *erasures * 100 {
		if ledger[schemas.Hash(left.Commitment(w.name(i)))] > 0 {
			linked++
		}
	}
	if others := *erasures * 99; linked < others-others/50 {
		w.t.Errorf("%d of %d others are known still", linked, others)
	}
}

// inTopics counts the messages that have an erased customer's id in them, by topic.
func (w *erasureWorld) inTopics() map[string]int {
	found := map[string]int{}
	for _, topic := range pipelines.Topology() {
		w.Read(topic.Name, func(r stage.Record, _ schemas.Message) {
			if w.names(r.Key) || w.names(r.Value) {
				found[topic.Name]++
			}
		})
	}
	return found
}

// inFiles counts the files that have an erased customer's id in them: the broker's, ClickHouse's, the services' logs and keys.
func (w *erasureWorld) inFiles() (n int) {
	err := filepath.WalkDir(filepath.Dir(w.Key("ledger.key")), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // what goes while one looks
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		if w.names(b) {
			n++
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}
