package verify

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// Whatever is done to a record of the ledger, the first fault names ledger, sequence and reason.
func TestTamperedLedger(t *testing.T) {
	const n = 5
	stranger, err := record.NewSigner("ledger", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize)))
	check(t, err)
	resign := func(s *record.Signer, change func(*record.Record)) func(*stage.Record) {
		return func(r *stage.Record) {
			got, err := record.Decode(r.Value[frame:])
			check(t, err)
			change(&got.Record)
			body, err := s.SignPayload(nil, got.Append(nil))
			check(t, err)
			r.Value = append(r.Value[:frame:frame], body...)
		}
	}
	at := func(w *world, change func(*stage.Record)) {
		w.alters = func(r *stage.Record) {
			if r.Topic == pipelines.ConductRecords && r.Partition == 0 && r.Offset == n {
				change(r)
			}
		}
	}
	for _, c := range []struct {
		name     string
		sequence int
		says     string
		tamper   func(*world)
	}{
		{"a flipped byte of the signature", n, "field signature: bad_signature", func(w *world) { at(w, func(r *stage.Record) { r.Value[len(r.Value)-1] ^= 1 }) }},
		{"a flipped byte of the previous hash", n, "field previous_record_hash: broken_chain", func(w *world) { at(w, func(r *stage.Record) { r.Value[frame] ^= 1 }) }},
		{"a flipped byte of the key id", n, "field key_id: unknown_key", func(w *world) { at(w, func(r *stage.Record) { r.Value[len(r.Value)-65] ^= 1 }) }},
		{"another key", n, "field key_id: unknown_key", func(w *world) { at(w, resign(stranger, func(*record.Record) {})) }},
		{"another environment's record", n, "field ledger: other_ledger", func(w *world) {
			at(w, resign(w.key, func(r *record.Record) { r.Ledger = "casetrail/production/0/1" }))
		}},
		{"cut", n, "malformed", func(w *world) { at(w, func(r *stage.Record) { r.Value = r.Value[:len(r.Value)-1] }) }},
		{"dropped", n, "field sequence: gap", func(w *world) {
			w.hides = func(r stage.Record) bool {
				return r.Topic == pipelines.ConductRecords && r.Partition == 0 && r.Offset == n
			}
		}},
		{"swapped", n, "field sequence: gap", func(w *world) {
			all := w.Records(pipelines.ConductRecords, 0)
			w.alters = func(r *stage.Record) {
				if r.Topic == pipelines.ConductRecords && r.Partition == 0 && (r.Offset == n || r.Offset == n+1) {
					r.Value = bytes.Clone(all[2*n+1-r.Offset].Value)
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 11)
			w.random(600)
			w.flow()
			c.tamper(w)
			says := fmt.Sprintf("ledger %s/0/1 sequence %d ", prefixName, c.sequence)
			for _, got := range w.verify().Checks {
				if strings.HasPrefix(got.Name, "I2") && (len(got.Faults) == 0 || !strings.Contains(got.Faults[0], says) || !strings.Contains(got.Faults[0], c.says)) {
					t.Errorf("Kafka: no word of %q and %q first in %q", says, c.says, got.Faults)
				}
			}
			// Nor does it matter where the ledger is read from.
			alone := Alone{Trusted: w.key.Verifier(), Progress: func(int64) {}}
			_, rows := alone.Table(t.Context(), table{w})
			_, _, file := alone.Exports([]string{w.export()})
			for from, err := range map[string]error{"ClickHouse": rows, "an export": file} {
				if !errors.Is(err, ErrFaults) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: no word of %q and %q in %v", from, says, c.says, err)
				}
			}
			if a, b := fault(rows), fault(file); a == nil || b == nil || *a != *b {
				t.Errorf("ClickHouse: %v\nan export: %v", rows, file)
			}
		})
	}
}

func fault(err error) (f *record.Fault) {
	errors.As(err, &f)
	return f
}

// table is a copy of the world's first ledger as ClickHouse has it, and as it was tampered with.
type table struct{ *world }

func (table) Ledgers(context.Context) ([]string, error) { return []string{prefixName + "/0/1"}, nil }

func (t table) Checkpoints(ctx context.Context, _ string, fn func(record.Checkpoint) error) error {
	_, err := t.Read(ctx, stage.TopicPartition{Topic: pipelines.ConductCheckpoints}, func(r stage.Record) error {
		var m schemas.Checkpoint
		check(t.t, codec.DecodeInto(r.Value, &m))
		return fn(record.Checkpoint{Size: m.Size, Root: record.Hash(m.Root), Note: []byte(m.Note)})
	})
	return err
}

func (t table) Records(ctx context.Context, _ string, fn func(int64, []byte) bool) error {
	_, err := t.Read(ctx, stage.TopicPartition{Topic: pipelines.ConductRecords}, func(r stage.Record) error {
		if !fn(r.Offset, r.Value[frame:]) {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// export writes the world's first ledger to an export's folder, as it was tampered with.
func (w *world) export() string {
	folder := filepath.Join(w.t.TempDir(), "ledger-0")
	check(w.t, os.Mkdir(folder, 0o700))
	f, err := os.Create(filepath.Join(folder, recordsFile))
	check(w.t, err)
	e, err := record.NewExportWriter(f, prefixName+"/0/1", "")
	check(w.t, err)
	check(w.t, table{w}.Checkpoints(w.t.Context(), "", func(c record.Checkpoint) error { return e.Checkpoint(c.Note) }))
	check(w.t, table{w}.Records(w.t.Context(), "", func(n int64, body []byte) bool { check(w.t, e.Record(n, body)); return true }))
	check(w.t, errors.Join(e.Flush(), f.Close()))
	return filepath.Dir(folder)
}

// A ledger that nothing is wrong with has one root, wherever it is read from.
func TestSoundLedgerAlone(t *testing.T) {
	w := newWorld(t, 12)
	w.random(300)
	w.flow()
	var told int64
	for _, unsigned := range []bool{false, true} {
		alone := Alone{Trusted: w.key.Verifier(), NoSignatures: unsigned, Progress: func(n int64) { told += n }}
		copied, err := alone.Table(t.Context(), table{w})
		check(t, err)
		dir := w.export()
		exported, _, err := alone.Exports([]string{dir})
		check(t, err)
		n := int64(len(w.Records(pipelines.ConductRecords, 0)))
		rows, files := copied.Reports(), exported.Reports()
		if len(rows) != 1 || !reflect.DeepEqual(rows, files) || rows[0].Records != n || rows[0].Covered != n || unsigned != (rows[0].Signatures == 0) || told != 2*n {
			t.Errorf("%+v\n%+v, told %d of %d", rows, files, told, n)
		}
		if _, _, err := alone.Exports([]string{dir, dir}); err == nil || !strings.Contains(err.Error(), "was in an earlier file already") {
			t.Error(err)
		}
		told = 0
	}
	for path, says := range map[string]string{t.TempDir(): "name a folder that casetrail export has made", filepath.Join(t.TempDir(), "none"): "no such file"} {
		if _, _, err := (Alone{}).Exports([]string{path}); err == nil || !strings.Contains(err.Error(), says) {
			t.Error(err)
		}
	}
}
