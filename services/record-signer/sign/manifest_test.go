package sign

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

const t0 = int64(1_800_000_000_000)

// head is a checkpoint of a test's ledger: its root is made of its size.
func head(t testing.TB, key *record.Signer, partition int32, size, time int64) stage.Record {
	t.Helper()
	root := new(record.Frontier).Root()
	if size > 0 {
		root = record.LeafHash(fmt.Append(nil, partition, size))
	}
	cp, err := key.SignCheckpoint(Ledger(prefix, partition), size, root)
	if err != nil {
		t.Fatal(err)
	}
	m := &schemas.Checkpoint{Ledger: cp.Ledger, Partition: partition, Size: size, Root: schemas.Hash(root), Time: time, Note: string(cp.Note)}
	return stage.Record{Topic: pipelines.ConductCheckpoints, Partition: partition, Stage: pipelines.RecordSigner, Key: []byte(cp.Ledger),
		Value: codec.Append(nil, pipelines.ConductCheckpoints, m), Position: stage.Position{Partition: partition, Offset: time}}
}

// heads is a log of checkpoints of some partitions: busy, idle and silent times, jumps, sizes that come together, copies of old ones.
func heads(t testing.TB, partitions int32, n int, r *rand.Rand) *memory.Log {
	l := memory.New(partitions, pipelines.ConductManifest)
	for p := range partitions {
		size, at := int64(0), t0+r.Int64N(100_000)
		var all []stage.Record
		for range n {
			rec := head(t, testKey(t, 1), p, size, at)
			all = append(all, rec)
			l.Append(rec)
			if r.IntN(12) == 0 {
				l.Append(all[r.IntN(len(all)):]...)
			}
			if r.IntN(3) > 0 {
				size += r.Int64N(50)
			}
			switch r.IntN(20) {
			case 0:
				at += r.Int64N(90 * 60_000)
			case 1, 2, 3: // many records in one second
			default:
				at += 1 + r.Int64N(25_000)
			}
		}
	}
	return l
}

func manifest(t testing.TB, store Store) stage.Definition {
	return ManifestDefinition(codec, Keys{testKey(t, 1)}, prefix, store)
}

func drainManifest(t testing.TB, l *memory.Log, store Store, batch int) {
	t.Helper()
	s, err := memory.Start(l, manifest(t, store), 0)
	if err == nil {
		err = s.Drain(batch)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// leaves are the messages of conduct.manifest, without repetitions of positions.
func leaves(l *memory.Log) (out []string) {
	seen := stage.Filter{}
	for _, r := range l.Records(pipelines.ConductManifest, 0) {
		if seen.Accept(r.Position) {
			out = append(out, fmt.Sprintf("%v %s %x", r.Position, r.Key, r.Value))
		}
	}
	return out
}

// due is what the leaves must say, found out by brute force: the end of each and its heads' times.
func due(t testing.TB, l *memory.Log, partitions int32) (out []string) {
	times := make([][]int64, partitions)
	for p := range partitions {
		for _, r := range l.Records(pipelines.ConductCheckpoints, p) {
			var m schemas.Checkpoint
			if err := codec.DecodeInto(r.Value, &m); err != nil {
				t.Fatal(err)
			}
			if n := len(times[p]); n == 0 || m.Time > times[p][n-1] {
				times[p] = append(times[p], m.Time)
			}
		}
	}
	end := int64(0)
	for _, x := range times {
		if e := (x[0]/minute + 1) * minute; end == 0 || e < end {
			end = e
		}
	}
	last := ""
	for ; ; end += minute {
		says := ""
		for _, x := range times {
			i := slices.IndexFunc(x, func(at int64) bool { return at >= end })
			if i < 0 {
				return out
			}
			says += fmt.Sprint(" ", x[i])
		}
		if says != last {
			out = append(out, fmt.Sprint(end, says))
		}
		last = says
	}
}

func read(t testing.TB, l *memory.Log) *record.Manifest {
	t.Helper()
	m, err := record.NewManifest(prefix + "/manifest/1")
	if err != nil {
		t.Fatal(err)
	}
	seen := stage.Filter{}
	for _, r := range l.Records(pipelines.ConductManifest, 0) {
		if !seen.Accept(r.Position) {
			continue
		}
		var msg schemas.Manifest
		if err := codec.DecodeInto(r.Value, &msg); err != nil {
			t.Fatal(err)
		}
		if err := m.Accept(msg.Leaf); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Verify([]byte(msg.Note), testKey(t, 1).Verifier()); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// The leaves follow from the ledgers' checkpoints alone, however these come to be read, and each minute in which a ledger promises something new
// has its one leaf.
func TestManifestFollowsFromTheCheckpoints(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		partitions := int32(rapid.IntRange(1, 4).Draw(rt, "partitions"))
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		l := heads(t, partitions, 60, r)
		drainManifest(t, l, newStore(), 1+r.IntN(9))
		want := due(t, l, partitions)
		for i, x := range l.Records(pipelines.ConductManifest, 0) {
			var msg schemas.Manifest
			if err := codec.DecodeInto(x.Value, &msg); err != nil {
				t.Fatal(err)
			}
			leaf, err := record.ParseManifestLeaf(msg.Leaf)
			if err != nil {
				t.Fatal(err)
			}
			says := fmt.Sprint(leaf.End)
			for _, h := range leaf.Heads {
				says += fmt.Sprint(" ", h.Time)
			}
			if i >= len(want) || says != want[i] {
				t.Fatalf("leaf %d: %s, want %v", i, says, want[min(i, len(want)-1)])
			}
		}
		if m := read(t, l); m.Size() != int64(len(want)) {
			t.Fatalf("%d leaves, want %d", m.Size(), len(want))
		}
		h, err := NewManifest(codec, Keys{testKey(t, 1)}, prefix, newStore())
		if err == nil {
			_, err = h.Recover(memory.New(partitions, pipelines.ConductManifest).For(""))
		}
		if err != nil {
			t.Fatal(err)
		}
		next, other := make([]int, partitions), memory.New(partitions, pipelines.ConductManifest)
		for left := partitions; left > 0; {
			p := r.Int32N(partitions)
			recs := l.Records(pipelines.ConductCheckpoints, p)
			if next[p] > len(recs) {
				continue
			}
			if next[p] == len(recs) {
				left--
			} else {
				out, err := h.Handle(recs[next[p]])
				if err != nil {
					t.Fatal(err)
				}
				other.Append(out...)
			}
			next[p]++
		}
		if !slices.Equal(leaves(l), leaves(other)) {
			t.Fatal("read in another order, the checkpoints give other leaves")
		}
	})
}

// A stage that dies at any point of any step leaves nothing that the next one does not complete to the same bytes.
func TestManifestDiesAnywhere(t *testing.T) {
	whole := heads(t, 3, 80, rand.New(rand.NewPCG(1, 0)))
	drainManifest(t, whole, newStore(), 4)
	want := leaves(whole)
	for step := range 25 {
		for _, cut := range []memory.Cut{{Dies: true}, {Dies: true, Outputs: 1}, {Dies: true, Outputs: 3}, {Dies: true, Outputs: -1}, {Dies: true, Outputs: -1, State: true}} {
			l, store := copyHeads(whole, 3), newStore()
			s, err := memory.Start(l, manifest(t, store), 0)
			for i := 0; i < step && err == nil; i++ {
				_, err = s.Step(4, memory.Cut{})
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Step(4, cut); !errors.Is(err, memory.ErrDied) {
				t.Fatal(err)
			}
			drainManifest(t, l, store, 1+step%7)
			if got := leaves(l); !slices.Equal(got, want) || len(got) != len(l.Records(pipelines.ConductManifest, 0)) {
				t.Fatalf("step %d, %+v: %d leaves, %d of them different, want %d", step, cut, len(l.Records(pipelines.ConductManifest, 0)), len(got), len(want))
			}
		}
	}
}

func copyHeads(l *memory.Log, partitions int32) *memory.Log {
	c := memory.New(partitions, pipelines.ConductManifest)
	for p := range partitions {
		c.Append(l.Records(pipelines.ConductCheckpoints, p)...)
	}
	return c
}

// Kafka loses the ends of the manifest and of the checkpoints: the same leaves come again, and none before it is certain that they are the
// same, though the record-signer has to make its checkpoints again first.
func TestManifestIsCut(t *testing.T) {
	whole := heads(t, 3, 80, rand.New(rand.NewPCG(2, 0)))
	store := newStore()
	drainManifest(t, whole, store, 1)
	drainManifest(t, whole, store, 1) // keeps the last one
	want := leaves(whole)
	r := rand.New(rand.NewPCG(3, 0))
	for range 60 {
		l := copyHeads(whole, 3)
		l.Append(whole.Records(pipelines.ConductManifest, 0)[:r.IntN(len(want)+1)]...)
		var later []stage.Record
		if r.IntN(2) == 0 {
			for p := range int32(3) {
				recs := whole.Records(pipelines.ConductCheckpoints, p)
				keep := r.IntN(len(recs))
				l.Truncate(pipelines.ConductCheckpoints, p, keep)
				later = append(later, recs[keep:]...)
			}
		}
		had := len(l.Records(pipelines.ConductManifest, 0))
		kept := &memStore{kept: map[string][]byte{}}
		for k, v := range store.kept {
			kept.kept[k] = v
		}
		s, err := memory.Start(l, manifest(t, kept), 0)
		if err == nil {
			err = s.Drain(3)
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := len(leaves(l)); n != had && n < len(want) {
			t.Fatalf("wrote leaves up to %d before it had come to the %d that were published", n, len(want))
		}
		l.Append(later...)
		if err := s.Drain(3); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(leaves(l), want) {
			t.Fatalf("%d leaves, want %d, the same", len(leaves(l)), len(want))
		}
	}
}

func TestManifestRefuses(t *testing.T) {
	whole := heads(t, 2, 60, rand.New(rand.NewPCG(4, 0)))
	store := newStore()
	drainManifest(t, whole, store, 1)
	drainManifest(t, whole, store, 1)
	with := func(partitions int32, change func(*memory.Log, *memStore)) (*memory.Log, *memStore) {
		l, s := memory.New(partitions, pipelines.ConductManifest), newStore()
		for p := range min(partitions, 2) {
			l.Append(whole.Records(pipelines.ConductCheckpoints, p)...)
		}
		l.Append(whole.Records(pipelines.ConductManifest, 0)...)
		for k, v := range store.kept {
			s.kept[k] = v
		}
		if change != nil {
			change(l, s)
		}
		return l, s
	}
	other := func(t *testing.T) []byte {
		cp, err := testKey(t, 1).SignCheckpoint(prefix+"/manifest/1", 5, record.Hash{1})
		if err != nil {
			t.Fatal(err)
		}
		return cp.Note
	}
	name := prefix + "/manifest/1"
	for text, c := range map[string]struct {
		partitions int32
		change     func(*memory.Log, *memStore)
		is         error
	}{
		"has 3 partitions, and manifest casetrail/test/manifest/1 is of 2": {3, nil, nil},
		"has 1 partitions, and manifest casetrail/test/manifest/1 is of 2": {1, nil, nil},
		"its first 5 leaves have the root":                                 {2, func(_ *memory.Log, s *memStore) { s.kept[name] = other(t) }, ErrFork},
		"made again from conduct.checkpoints they have": {2, func(l *memory.Log, s *memStore) {
			s.kept[name] = other(t)
			l.Truncate(pipelines.ConductManifest, 0, 3)
		}, ErrFork},
		"is it the right key?": {2, func(l *memory.Log, _ *memStore) {
			r := l.Records(pipelines.ConductManifest, 0)
			r[len(r)-1].Value = bytes.Replace(r[len(r)-1].Value, []byte("/1 "), []byte("/2 "), 1)
		}, nil},
		"give the record-signer that key's file too": {2, func(l *memory.Log, _ *memStore) {
			l.Append(head(t, testKey(t, 2), 1, 1_000_000, t0+1e12))
		}, nil},
		"the checkpoint that is kept outside Kafka for ledger casetrail/test/manifest/1": {2, func(_ *memory.Log, s *memStore) { s.kept[name] = []byte("torn") }, nil},
	} {
		l, s := with(c.partitions, c.change)
		n := len(leaves(l))
		st, err := memory.Start(l, manifest(t, s), 0)
		if err == nil {
			err = st.Drain(5)
		}
		if err == nil || !strings.Contains(err.Error(), text) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%v, want %q", err, text)
		}
		if len(leaves(l)) != n {
			t.Errorf("%s: and wrote leaves", text)
		}
	}
	l, _ := with(3, nil) // the signer of a partition refuses too
	if _, err := memory.Start(l, definition(t, newStore()), 2); err == nil || !strings.Contains(err.Error(), "is of 2") {
		t.Error(err)
	}
}

// A manifest that goes on finds its place in checkpoints without reading all of them, though there are copies among them.
func TestManifestGoesOnNearTheEnd(t *testing.T) {
	l := memory.New(1, pipelines.ConductManifest)
	const n = 9000
	for i := range int64(n) {
		l.Append(head(t, testKey(t, 1), 0, i, t0+i*1000))
	}
	l.Append(l.Records(pipelines.ConductCheckpoints, 0)[n-300:]...)
	store := newStore()
	drainManifest(t, l, store, 500)
	want := leaves(l)
	l.Truncate(pipelines.ConductManifest, 0, len(want)-3)
	m, err := NewManifest(codec, Keys{testKey(t, 1)}, prefix, newStore())
	if err != nil {
		t.Fatal(err)
	}
	next, err := m.Recover(l.For(pipelines.Manifest))
	if from := next[stage.TopicPartition{Topic: pipelines.ConductCheckpoints}]; err != nil || from == 0 || from > n-200 {
		t.Errorf("goes on from %d of %d, %v", from, n, err)
	}
	drainManifest(t, l, store, 500)
	if !slices.Equal(leaves(l), want) {
		t.Error("other leaves")
	}
}

// Nothing is kept outside Kafka before it is durable in Kafka, and what is kept never goes back.
func TestManifestKeeps(t *testing.T) {
	l, store := heads(t, 2, 60, rand.New(rand.NewPCG(5, 0))), newStore()
	s, err := memory.Start(l, manifest(t, store), 0)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for more := true; more; {
		durable := len(leaves(l))
		if more, err = s.Step(3, memory.Cut{}); err != nil {
			t.Fatal(err)
		}
		cp := record.Checkpoint{}
		if kept := store.kept[prefix+"/manifest/1"]; kept != nil {
			if cp, err = record.OpenCheckpoint(kept, testKey(t, 1).Verifier()); err != nil {
				t.Fatal(err)
			}
		}
		if cp.Size < size || cp.Size > int64(durable) {
			t.Fatalf("kept %d after %d; %d are durable", cp.Size, size, durable)
		}
		size = cp.Size
	}
	if size == 0 || store.swaps < 5 {
		t.Errorf("kept %d in %d swaps", size, store.swaps)
	}
}
