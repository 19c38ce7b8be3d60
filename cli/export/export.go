// Package export writes ledgers to files that others check with tools of their own. Of each ledger, and each generation of it, it makes a folder:
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
	"slices"

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

// Run writes the manifest up to its last leaf, and every generation of every ledger up to its newest checkpoint into a new folder, partition by partition. Each record's signature,
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
	for _, generations := range points {
		vkey := o.VKey
		var w *writer
		each := func(s *record.Signed) (err error) {
			if s.Kind == record.KindGenesis {
				if w, err = newWriter(filepath.Join(draft, folder(generations[0].Partition, s.Ledger)), s.Ledger, vkey); err != nil {
					return err
				}
			}
			if s.Kind == record.KindKeyRotation {
				if vkey = s.Rotation.PublicKey; m.signedAfter(s) {
					signs, _ = note.NewVerifier(vkey) // the chain has taken it, so it is a key
				}
			}
			done++
			o.Progress(done, total)
			return w.record(s)
		}
		end := func(p schemas.Checkpoint, root record.Hash) error {
			in := folder(p.Partition, p.Ledger)
			out = append(out, Ledger{p.Ledger, in, p.Size, root, p.Time})
			return w.finish([]byte(p.Note))
		}
		err := o.fold(ctx, generations, trusted, each, end)
		if w != nil {
			err = errors.Join(err, w.close())
		}
		if err != nil {
			return nil, m, fmt.Errorf("not exported: %w", err)
		}
	}
	for _, l := range out {
		if o.Parquet == nil {
			break
		}
		if err := o.Parquet.write(ctx, l.Name, l.Records, filepath.Join(draft, l.Folder, parquetFile)); err != nil {
			return nil, m, err
		}
	}
	if m.Leaves > 0 {
		if err := m.verify(signs); err != nil {
			return nil, m, err
		}
	}
	return out, m, os.Rename(draft, dir)
}

// folder is where a ledger's files are: ledger-0 for the first generation of partition 0's, ledger-0-2 for the second.
func folder(partition int32, ledger string) string {
	if _, generation := record.Generation(ledger); generation > 1 {
		return fmt.Sprintf("ledger-%d-%d", partition, generation)
	}
	return fmt.Sprintf("ledger-%d", partition)
}

// newest gives of each partition the newest checkpoint of every generation that has records under one, from old to new, and how many
// records that are in all.
func (o *Options) newest(ctx context.Context) (points [][]schemas.Checkpoint, total int64, err error) {
	n, err := o.Topics.Partitions(ctx, pipelines.ConductCheckpoints)
	if err != nil {
		return nil, 0, err
	}
	for p := range n {
		var point schemas.Checkpoint
		var of []schemas.Checkpoint
		_, err := o.Topics.Read(ctx, stage.TopicPartition{Topic: pipelines.ConductCheckpoints, Partition: p}, func(r stage.Record) error {
			if err := o.Codec.DecodeInto(r.Value, &point); err != nil {
				return fmt.Errorf("offset %d: %w", r.Offset, err)
			}
			point.Partition = p
			i := slices.IndexFunc(of, func(c schemas.Checkpoint) bool { return c.Ledger == point.Ledger })
			if i < 0 && point.Size > 0 {
				of = append(of, point)
			} else if i >= 0 && point.Size >= of[i].Size {
				of[i] = point
			}
			return nil
		})
		if err != nil {
			return nil, 0, fmt.Errorf("read %s/%d: %w", pipelines.ConductCheckpoints, p, err)
		}
		record.Sort(of, func(c schemas.Checkpoint) string { return c.Ledger })
		for _, c := range of {
			total += c.Size
		}
		if len(of) > 0 {
			points = append(points, of)
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

// fold calls each for every record under the checkpoints of a partition's generations, after it has verified it, and end for every checkpoint that
// is reached, after it has verified that.
func (o *Options) fold(ctx context.Context, points []schemas.Checkpoint, trusted note.Verifier, each func(*record.Signed) error, end func(schemas.Checkpoint, record.Hash) error) error {
	first, err := record.NewChain(points[0].Ledger, trusted)
	if err != nil {
		return err
	}
	type message struct {
		stage.Record
		record.Prepared
	}
	chains := record.Generations{first}
	ahead := record.NewAhead(func(m *message) { m.Prepare() }, func(r *message) error {
		if len(r.Value) < frame {
			return fmt.Errorf("%s/%d offset %d: not a record", r.Topic, r.Partition, r.Offset)
		}
		if len(points) == 0 {
			return errEnough
		}
		chain := chains.Of(r.Ledger)
		s, err := chain.Take(&r.Prepared)
		if f := (*record.Fault)(nil); errors.As(err, &f) && (f.Reason == record.Duplicate || f.Reason == record.Stale) {
			return nil // a copy; verify compares even the old ones
		}
		if p := points[0]; err == nil && s.Ledger != p.Ledger {
			err = fmt.Errorf("ledger %s sequence %d is under no checkpoint, but later records are, of %s", s.Ledger, s.Sequence, p.Ledger)
		}
		if err != nil {
			return fmt.Errorf("%s/%d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		if err := each(s); err != nil || chain.Size() < points[0].Size {
			return err
		}
		if _, err := chain.Verify([]byte(points[0].Note)); err != nil {
			return err
		}
		reached := points[0]
		points = points[1:]
		return end(reached, chain.Root())
	})
	tp := stage.TopicPartition{Topic: pipelines.ConductRecords, Partition: points[0].Partition}
	_, err = o.Topics.Read(ctx, tp, func(r stage.Record) error {
		m, err := ahead.Next()
		if err == nil {
			m.Record = r
			chains.Newest().Load(&m.Prepared, r.Value[min(frame, len(r.Value)):], false)
		}
		return err
	})
	if err = cmp.Or(ahead.Finish(), err); err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if len(points) > 0 { // the log ends before it
		p := points[0]
		return chains.Of(p.Ledger).Matches(record.Checkpoint{Ledger: p.Ledger, Size: p.Size, Root: record.Hash(p.Root)})
	}
	return nil
}
