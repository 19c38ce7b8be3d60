// Package export writes ledgers to files that others check with tools of their own. Of each ledger it makes a folder:
//
//	records.jsonl       every record and the checkpoint: for record/cmd/verify and the verifier page
//	records.dsse.jsonl  every record as a DSSE envelope, a line each
//	checkpoint, tile/   the ledger as C2SP tlog-tiles; an entry is a record's body
//	records.parquet     the decoded records, for analysts: no evidence, as nobody signed them
//
// and a folder of the manifest ledger over them:
//
//	manifest.jsonl      every leaf and the checkpoint: for record/cmd/verify
//	checkpoint, tile/   the manifest as C2SP tlog-tiles; an entry is a leaf's text
package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/cli/verify"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

const (
	recordsFile   = "records.jsonl"
	envelopesFile = "records.dsse.jsonl"
	parquetFile   = "records.parquet"
)

// Options are what an export needs.
type Options struct {
	Topics   verify.Topics
	Codec    *schemas.Codec
	VKey     string                  // the ledger's first key, which is trusted
	Parquet  *Parquet                // where the decoded records are; nil to leave them out
	Progress func(records, of int64) // called after every record; may be nil
}

// Ledger is a ledger that was exported.
type Ledger struct {
	Name, Folder string
	Records      int64 // all of them under the checkpoint
	Root         record.Hash
	Until        int64 // no record of before this time is missing; milliseconds
}

// Run writes the manifest up to its last leaf, and every ledger up to its newest checkpoint into a new folder, partition by partition. Each record's signature,
// the chain and the checkpoint are verified on the way; a ledger with a fault in it is not exported, and the error names
// the fault. The folder appears when it is whole.
func Run(ctx context.Context, o Options, dir string) (_ []Ledger, m Manifest, err error) {
	trusted, err := note.NewVerifier(o.VKey)
	if err != nil {
		return nil, m, err
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	if _, err := os.Lstat(dir); err == nil {
		return nil, m, fmt.Errorf("%s is there already; name a new folder", dir)
	}
	draft, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".part-")
	if err != nil {
		return nil, m, err
	}
	defer os.RemoveAll(draft) // after the rename there is nothing there
	if m, err = o.manifest(ctx, draft); err != nil {
		return nil, m, err
	}
	points, total, err := o.newest(ctx)
	if err != nil {
		return nil, m, err
	}
	var out []Ledger
	signs := trusted // the manifest
	var done int64
	for _, p := range points {
		folder := fmt.Sprintf("ledger-%d", p.Partition)
		w, err := newWriter(filepath.Join(draft, folder), p.Ledger, o.VKey)
		if err != nil {
			return nil, m, err
		}
		root, err := o.ledger(ctx, p, trusted, w, func(s *record.Signed) {
			if s.Kind == record.KindKeyRotation && s.Ledger == m.first.Ledger && s.Sequence < m.first.Size-1 {
				signs, _ = note.NewVerifier(s.Rotation.PublicKey) // the chain has taken it, so it is a key
			}
			done++
			o.Progress(done, total)
		})
		if err = errors.Join(err, w.close()); err != nil {
			return nil, m, fmt.Errorf("not exported: %w", err)
		}
		if o.Parquet != nil {
			if err := o.Parquet.write(ctx, p.Ledger, p.Size, filepath.Join(draft, folder, parquetFile)); err != nil {
				return nil, m, err
			}
		}
		out = append(out, Ledger{p.Ledger, folder, p.Size, root, p.Time})
	}
	if m.Leaves > 0 {
		if err := m.verify(signs); err != nil {
			return nil, m, err
		}
	}
	return out, m, os.Rename(draft, dir)
}

// newest gives the newest checkpoint of each partition that has records under one, and how many records that are.
func (o *Options) newest(ctx context.Context) (points []schemas.Checkpoint, total int64, err error) {
	n, err := o.Topics.Partitions(ctx, pipelines.ConductCheckpoints)
	if err != nil {
		return nil, 0, err
	}
	for p := range n {
		var newest, point schemas.Checkpoint
		_, err := o.Topics.Read(ctx, stage.TopicPartition{Topic: pipelines.ConductCheckpoints, Partition: p}, func(r stage.Record) error {
			if err := o.Codec.DecodeInto(r.Value, &point); err != nil {
				return fmt.Errorf("offset %d: %w", r.Offset, err)
			}
			if point.Size >= newest.Size {
				newest = point
			}
			return nil
		})
		if err != nil {
			return nil, 0, fmt.Errorf("read %s/%d: %w", pipelines.ConductCheckpoints, p, err)
		}
		if newest.Partition = p; newest.Size > 0 {
			points = append(points, newest)
			total += newest.Size
		}
	}
	if len(points) == 0 {
		return nil, 0, errors.New("there is nothing to export: no ledger has a checkpoint yet")
	}
	return points, total, nil
}

// errEnough ends a read before its end.
var errEnough = errors.New("enough")

// frame is the size of the wire format's header.
const frame = 5

// ledger writes the records under a checkpoint, by the reader's rule.
func (o *Options) ledger(ctx context.Context, p schemas.Checkpoint, trusted note.Verifier, w *writer, each func(*record.Signed)) (root record.Hash, err error) {
	root, err = o.fold(ctx, p, trusted, func(s *record.Signed) error {
		if err := w.record(s); err != nil {
			return fmt.Errorf("ledger %s: %w", p.Ledger, err)
		}
		each(s)
		return nil
	})
	if err != nil {
		return root, err
	}
	return root, w.finish([]byte(p.Note))
}

// fold calls fn for every record under a checkpoint, each of which it has verified, and then verifies the checkpoint.
func (o *Options) fold(ctx context.Context, p schemas.Checkpoint, trusted note.Verifier, fn func(*record.Signed) error) (root record.Hash, err error) {
	chain, err := record.NewChain(p.Ledger, trusted)
	if err != nil {
		return root, err
	}
	type message struct {
		stage.Record
		record.Prepared
	}
	ahead := record.NewAhead(func(m *message) { m.Prepare() }, func(r *message) error {
		if len(r.Value) < frame {
			return fmt.Errorf("%s/%d offset %d: not a record", r.Topic, r.Partition, r.Offset)
		}
		if chain.Size() == p.Size {
			return errEnough
		}
		s, err := chain.Take(&r.Prepared)
		if f := (*record.Fault)(nil); errors.As(err, &f) && (f.Reason == record.Duplicate || f.Reason == record.Stale) {
			return nil // a copy; verify compares even the old ones
		}
		if err != nil {
			return fmt.Errorf("%s/%d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		return fn(s)
	})
	tp := stage.TopicPartition{Topic: pipelines.ConductRecords, Partition: p.Partition}
	_, err = o.Topics.Read(ctx, tp, func(r stage.Record) error {
		m, err := ahead.Next()
		if err == nil {
			m.Record = r
			chain.Load(&m.Prepared, r.Value[min(frame, len(r.Value)):], false)
		}
		return err
	})
	if err = cmp.Or(ahead.Finish(), err); err != nil && !errors.Is(err, errEnough) {
		return root, err
	}
	_, err = chain.Verify([]byte(p.Note))
	return chain.Root(), err
}
