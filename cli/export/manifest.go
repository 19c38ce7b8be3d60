package export

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

const (
	manifestFolder = "manifest"
	manifestFile   = "manifest.jsonl"
)

// Manifest is the manifest ledger that was exported; without leaves where there is none yet.
type Manifest struct {
	Name   string
	Leaves int64
	Root   record.Hash // the deployment's
	Until  int64       // nothing that was concluded before this time is missing from the ledgers; milliseconds
	first  record.Head // its last head of the first partition
	note   []byte
}

// manifest writes the manifest ledger up to its last leaf, and checks all but its signature. It is read before the ledgers, so that these
// have all that it promises.
func (o *Options) manifest(ctx context.Context, draft string) (m Manifest, err error) {
	dir := filepath.Join(draft, manifestFolder)
	var chain *record.Manifest
	var w *record.ExportWriter
	var file *os.File
	t := tiles{dir: dir}
	begin := func(name string) (err error) {
		if chain, err = record.NewManifest(name); err != nil {
			return err
		}
		if err = os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if file, err = os.Create(filepath.Join(dir, manifestFile)); err != nil {
			return err
		}
		w, err = record.NewManifestWriter(file, name)
		return err
	}
	defer func() {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	last := stage.Filter{}
	_, err = o.Topics.Read(ctx, stage.TopicPartition{Topic: pipelines.ConductManifest}, func(r stage.Record) error {
		if !last.Accept(r.Position) {
			return nil // a copy
		}
		var msg schemas.Manifest
		if err := o.Codec.DecodeInto(r.Value, &msg); err != nil {
			return fmt.Errorf("offset %d: %w", r.Offset, err)
		}
		if chain == nil {
			cp, err := record.ParseCheckpoint([]byte(msg.Note))
			if err == nil {
				err = begin(cp.Ledger)
			}
			if err != nil {
				return fmt.Errorf("offset %d: %w", r.Offset, err)
			}
		}
		if err := chain.Accept(msg.Leaf); err != nil {
			return fmt.Errorf("offset %d: %w", r.Offset, err)
		}
		m.note = []byte(msg.Note)
		return errors.Join(w.Leaf(msg.Leaf), t.append([]byte(msg.Leaf)))
	})
	if err != nil {
		return m, fmt.Errorf("read %s: %w", pipelines.ConductManifest, err)
	}
	if chain == nil {
		return m, nil
	}
	leaf := chain.Leaf()
	m.Name, m.Leaves, m.Root, m.Until, m.first = chain.Name(), chain.Size(), chain.Root(), leaf.Until(), leaf.Heads[0].Head
	return m, errors.Join(w.Checkpoint(m.note), w.Flush(), t.finish(), os.WriteFile(filepath.Join(dir, "checkpoint"), m.note, 0o600))
}

// verify checks the manifest's signature under the key that signs in the first partition's ledger.
func (m *Manifest) verify(key note.Verifier) error {
	cp, err := record.OpenCheckpoint(m.note, key)
	if err == nil && (cp.Size != m.Leaves || cp.Root != m.Root) {
		err = fmt.Errorf("the checkpoint has %d leaves, root %v; the leaves are %d, root %v", cp.Size, cp.Root, m.Leaves, m.Root)
	}
	if err != nil {
		return fmt.Errorf("not exported: manifest %s: %w", m.Name, err)
	}
	return nil
}

// signedAfter tells whether a rotation comes before the last record that the manifest has of the first partition, which its signer's key signed.
func (m *Manifest) signedAfter(rotation *record.Signed) bool {
	prefix, last := record.Generation(m.first.Ledger)
	of, g := record.Generation(rotation.Ledger)
	return of == prefix && (g < last || g == last && rotation.Sequence < m.first.Size-1)
}
