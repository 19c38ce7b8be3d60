package sign

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/casetrail/casetrail/pipelines/inject"
)

// Store remembers the last checkpoint of each ledger outside Kafka, so that a ledger that Kafka lost or cut is noticed
// before it is written differently. It is safe for concurrent use.
type Store interface {
	// Load returns the signed note that is kept for a ledger; nothing where there is none.
	Load(ledger string) ([]byte, error)
	// Swap keeps next if what is kept is old (nothing, where old is empty), and returns when it is durable. Otherwise it
	// changes nothing and its error wraps ErrConflict.
	Swap(ledger string, old, next []byte) error
}

// ErrConflict says that another signer keeps checkpoints of the same ledger in the same store.
var ErrConflict = errors.New("another signer has kept another checkpoint meanwhile")

// Files is a Store of one file per ledger, each a signed note that any C2SP tool reads: the ledger's name with each slash as a
// plus sign (which no ledger's name has), and .checkpoint. A file is replaced whole, never changed: written beside it,
// synced, and renamed. Within a process Swap is atomic; between processes the rename alone is, so that a file is always one
// of the checkpoints that were issued, and at worst not the newest of two owners'.
type Files struct {
	dir string
	mu  sync.Mutex
}

// NewFiles makes a Store in a directory, which it makes too.
func NewFiles(dir string) (*Files, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("directory for checkpoints: %w", err)
	}
	return &Files{dir: dir}, nil
}

// Path is the file of a ledger.
func (f *Files) Path(ledger string) string {
	return filepath.Join(f.dir, strings.ReplaceAll(ledger, "/", "+")+".checkpoint")
}

// Load implements Store.
func (f *Files) Load(ledger string) ([]byte, error) {
	text, err := os.ReadFile(f.Path(ledger))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// Swap implements Store.
func (f *Files) Swap(ledger string, old, next []byte) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept, err := f.Load(ledger)
	if err != nil {
		return err
	}
	if !bytes.Equal(kept, old) {
		return fmt.Errorf("%s: %w", f.Path(ledger), ErrConflict)
	}
	tmp, err := os.CreateTemp(f.dir, ".checkpoint-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(next)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err == nil {
		inject.CheckpointSynced.Pass()
		err = os.Rename(tmp.Name(), f.Path(ledger))
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	inject.CheckpointKept.Pass()
	d, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
