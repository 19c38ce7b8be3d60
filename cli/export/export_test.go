package export

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// topics is a log of one partition.
type topics map[string][][]byte

func (t topics) Partitions(context.Context, string) (int32, error) { return 1, nil }

func (t topics) Read(_ context.Context, tp stage.TopicPartition, fn func(stage.Record) error) (int64, error) {
	for i, v := range t[tp.Topic] {
		if err := fn(stage.Record{Topic: tp.Topic, Partition: tp.Partition, Offset: int64(i), Value: v}); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// ledger is a log with a ledger of n records, the first covered of which are under a checkpoint.
func ledger(t testing.TB, n, covered int) (topics, Options) {
	t.Helper()
	key, err := record.NewSigner("ledger", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	const name = "casetrail/test/0/1"
	codec := schemas.NewOfflineCodec(pipelines.Subjects("")...)
	log := topics{}
	var tree record.Frontier
	var last record.Hash
	for i := range n {
		r := record.Record{PreviousHash: last, Ledger: name, Sequence: int64(i), Source: record.GenesisSource}
		if i > 0 {
			r.Kind, r.Source = record.KindErasure, record.Source{Offset: int64(i)}
		}
		body, err := key.SignPayload(make([]byte, frame), r.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		last = record.LeafHash(body[frame:])
		tree.Append(last)
		log[pipelines.ConductRecords] = append(log[pipelines.ConductRecords], body, body) // each with a copy
		if i+1 == covered {
			cp, err := key.SignCheckpoint(name, tree.Size(), tree.Root())
			if err != nil {
				t.Fatal(err)
			}
			m := &schemas.Checkpoint{Ledger: name, Size: cp.Size, Root: schemas.Hash(cp.Root), Time: 7, Note: string(cp.Note)}
			log[pipelines.ConductCheckpoints] = append(log[pipelines.ConductCheckpoints], codec.Append(nil, pipelines.ConductCheckpoints, m))
		}
	}
	return log, Options{Topics: log, Codec: codec, VKey: key.VerifierKey()}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// What is exported ends at the checkpoint, has no copies, and verifies.
func TestRun(t *testing.T) {
	_, o := ledger(t, 300, 290)
	dir := filepath.Join(t.TempDir(), "out")
	got, _, err := Run(t.Context(), o, dir)
	if err != nil || len(got) != 1 || got[0].Records != 290 || got[0].Until != 7 {
		t.Fatal(got, err)
	}
	f, err := os.Open(filepath.Join(dir, got[0].Folder, recordsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	trusted, err := record.LoadVerifier(write(t, o.VKey))
	if err != nil {
		t.Fatal(err)
	}
	if r, _, err := record.VerifyExport(f, trusted, nil); err != nil || r.Records != 290 || r.Covered != 290 || r.Root != got[0].Root {
		t.Errorf("%+v %v", r, err)
	}
	if _, _, err := Run(t.Context(), o, dir); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Error(err)
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A ledger with a fault in it is not exported, the fault is named, and nothing of the try is left.
func TestAFaultyLedgerIsNotExported(t *testing.T) {
	for name, c := range map[string]struct {
		alter func(topics, *Options)
		says  string
	}{
		"an altered record": {func(l topics, _ *Options) { l[pipelines.ConductRecords][6][60] ^= 1 }, "ledger casetrail/test/0/1"},
		"a lost record": {func(l topics, _ *Options) {
			l[pipelines.ConductRecords] = append(l[pipelines.ConductRecords][:6:6], l[pipelines.ConductRecords][8:]...)
		}, "sequence 3 field sequence: gap"},
		"a lost end":         {func(l topics, _ *Options) { l[pipelines.ConductRecords] = l[pipelines.ConductRecords][:8] }, "a checkpoint promises 9 records, here are 4"},
		"no frame":           {func(l topics, _ *Options) { l[pipelines.ConductRecords][2] = []byte{0} }, "offset 2: not a record"},
		"no checkpoint":      {func(l topics, _ *Options) { delete(l, pipelines.ConductCheckpoints) }, "no ledger has a checkpoint yet"},
		"another checkpoint": {func(l topics, _ *Options) { l[pipelines.ConductCheckpoints][0] = []byte{0} }, "conduct.checkpoints/0: offset 0"},
		"another key": {func(_ topics, o *Options) {
			k := must(record.NewSigner("other", ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", ed25519.SeedSize)))))
			o.VKey = k.VerifierKey()
		}, "unknown_key"},
	} {
		t.Run(name, func(t *testing.T) {
			log, o := ledger(t, 10, 9)
			c.alter(log, &o)
			at := t.TempDir()
			if _, _, err := Run(t.Context(), o, filepath.Join(at, "out")); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want %s", err, c.says)
			}
			if left, err := os.ReadDir(at); err != nil || len(left) > 0 {
				t.Error(left, err)
			}
		})
	}
}

func BenchmarkRun(b *testing.B) {
	const n = 20_000
	_, o := ledger(b, n, n)
	for i := 0; b.Loop(); i++ {
		if _, _, err := Run(b.Context(), o, filepath.Join(b.TempDir(), fmt.Sprint(i))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
}
