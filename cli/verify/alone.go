package verify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/record"
)

// Alone verifies ledgers by themselves, away from the topics: encoding, chain, signatures, tree, checkpoints and conduct. What
// the first fault is, record.Chain decides, as it does for Run; so it is the same wherever a ledger is read from.
type Alone struct {
	Trusted      note.Verifier       // the ledgers' first key
	Revoked      []record.Revocation // of keys
	NoSignatures bool                // leaves out those of the records, but for key rotations'
	Progress     func(records int64) // how many more were verified
}

// Table is a copy of the ledgers and of checkpoints, as ClickHouse holds it.
type Table interface {
	// Ledgers are the names of those that have a record or a checkpoint, sorted.
	Ledgers(ctx context.Context) ([]string, error)
	// Checkpoints calls fn for a ledger's, by size. Size and Root are what stands beside the note.
	Checkpoints(ctx context.Context, ledger string, fn func(record.Checkpoint) error) error
	// Records calls fn for a ledger's, by sequence, until it returns false. The body is fn's until it returns.
	Records(ctx context.Context, ledger string, fn func(sequence int64, body []byte) bool) error
}

// Exports verifies export files, or folders that casetrail export has made, the generations of a ledger from old to new; in these, the manifest
// too, if it is there: it is nil if it was in none. The error names the first fault.
func (a Alone) Exports(paths []string) (out *record.Audit, manifest *record.ManifestExport, err error) {
	var all []string
	for _, path := range paths {
		files, err := exports(path)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, files...)
		file := filepath.Join(path, manifestFile)
		if !exists(file) {
			continue
		}
		if manifest != nil {
			return nil, nil, fmt.Errorf("%s: a second manifest: check the exports of each deployment by themselves", file)
		}
		if manifest, err = readManifest(file); err != nil {
			return nil, nil, fmt.Errorf("%w: %s: %w", ErrFaults, file, err)
		}
	}
	names := map[string]string{}
	for _, file := range all {
		if names[file], err = named(file); err != nil {
			return nil, nil, err
		}
	}
	record.Sort(all, func(file string) string { return names[file] })
	audit := a.audit()
	audit.Manifest = manifest
	for _, file := range all {
		if err := a.export(file, audit); err != nil {
			return nil, nil, fmt.Errorf("%w: %s: %w", ErrFaults, file, err)
		}
	}
	if manifest != nil {
		if err := manifest.Finish(a.Trusted); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrFaults, err)
		}
	}
	return audit, manifest, nil
}

func (a Alone) audit() *record.Audit {
	return &record.Audit{Trusted: a.Trusted, Unsigned: a.NoSignatures, Revoked: a.Revoked}
}

// named is the ledger that an export names.
func named(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return record.ExportedLedger(f), nil
}

func readManifest(path string) (*record.ManifestExport, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return record.ReadManifest(f)
}

// recordsFile is an export's file with the records and checkpoints, manifestFile the one of the manifest.
const (
	recordsFile  = "records.jsonl"
	manifestFile = "manifest/manifest.jsonl"
)

// exports are the export files of a path.
func exports(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	if one := filepath.Join(path, recordsFile); exists(one) {
		return []string{one}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if file := filepath.Join(path, e.Name(), recordsFile); exists(file) {
			out = append(out, file)
		} else if strings.HasPrefix(e.Name(), "ledger-") {
			return nil, fmt.Errorf("%s is missing: the export is not whole", file)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("neither %s nor a folder in it holds a %s: name a folder that casetrail export has made, or a file", path, recordsFile)
	}
	return out, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (a Alone) export(path string, audit *record.Audit) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	tell, rest := a.tell()
	_, err = audit.Export(f, tell)
	rest()
	return err
}

// Table verifies a copy of the ledgers. The error names the first fault, unless it is about reading.
func (a Alone) Table(ctx context.Context, t Table) (*record.Audit, error) {
	names, err := t.Ledgers(ctx)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("there is no ledger in ClickHouse: no record has come to it yet, or it is another database")
	}
	record.Sort(names, func(name string) string { return name })
	audit := a.audit()
	for _, name := range names {
		if err := a.ledger(ctx, t, name, audit); err != nil {
			return nil, err
		}
	}
	return audit, nil
}

func (a Alone) ledger(ctx context.Context, t Table, name string, audit *record.Audit) error {
	wrong := func(err error) error { return fmt.Errorf("%w: %w", ErrFaults, err) }
	v, err := audit.Begin(name)
	if err != nil {
		return wrong(err)
	}
	err = t.Checkpoints(ctx, name, func(beside record.Checkpoint) error {
		if err := v.Checkpoint(beside.Note); err != nil {
			return wrong(err)
		}
		if cp, err := record.ParseCheckpoint(beside.Note); err != nil || cp.Size != beside.Size || cp.Root != beside.Root {
			return wrong(&record.Fault{Ledger: name, Sequence: beside.Size - 1, Field: "checkpoint", Reason: record.Malformed,
				Detail: fmt.Sprintf("size and root beside the note are %d and %v, the note says %d and %v", beside.Size, beside.Root, cp.Size, cp.Root)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	tell, rest := a.tell()
	defer rest()
	feed := v.Feed(a.NoSignatures, tell)
	read := t.Records(ctx, name, feed.Record)
	if _, err = feed.Finish(); err != nil && read == nil {
		err = wrong(err)
	}
	if read != nil { // what was read so far says nothing of the rest
		return fmt.Errorf("read the records of ledger %s: %w", name, read)
	}
	return err
}

// tell makes of a ledger's size how many records more there are, in hundreds; the rest at the end.
func (a Alone) tell() (tell func(size int64), rest func()) {
	var told, now int64
	rest = func() {
		a.Progress(now - told)
		told = now
	}
	return func(size int64) {
		if now = size; now-told >= 100 {
			rest()
		}
	}, rest
}
