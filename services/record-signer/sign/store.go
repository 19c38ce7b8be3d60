package sign

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/record"
)

// Store remembers the last checkpoint of each ledger outside Kafka, so that a ledger that Kafka lost or cut is noticed
// before it is written differently. It is safe for concurrent use.
type Store interface {
	// Load returns the signed note that is kept for a ledger; nil where there is none.
	Load(ledger string) ([]byte, error)
	// Newest names the ledger of the highest generation of which a note is kept, of those that are called series/generation; it
	// is empty where there is none.
	Newest(series string) (ledger string, err error)
	// Swap keeps next if what is kept is old (nothing, where old is empty), and returns when it is durable. Otherwise it
	// changes nothing and its error wraps ErrConflict.
	Swap(ledger string, old, next []byte) error
	// Path says where it is kept, for whoever has to mend it.
	Path(ledger string) string
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

const (
	suffix    = ".checkpoint"
	temporary = ".checkpoint-" // begins the name of a file that is not in its place yet
)

// NewFiles makes a Store in a directory, which it makes too. It removes what processes left there that died while they
// wrote; one that is alive, whose file that was, writes it again.
func NewFiles(dir string) (*Files, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("directory for checkpoints: %w: name one that can be made and written", err)
	}
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("directory for checkpoints: %w", err)
	}
	for _, f := range all {
		if !strings.HasPrefix(f.Name(), temporary) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("directory for checkpoints: %w: make it writable", err)
		}
	}
	return &Files{dir: dir}, nil
}

// Path implements Store.
func (f *Files) Path(ledger string) string {
	return filepath.Join(f.dir, strings.ReplaceAll(ledger, "/", "+")+suffix)
}

// Load implements Store.
func (f *Files) Load(ledger string) ([]byte, error) {
	file, err := os.Open(f.Path(ledger))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, record.MaxBody+1)) // a longer one is refused by whoever opens the note
}

// Newest implements Store.
func (f *Files) Newest(series string) (ledger string, err error) {
	all, err := os.ReadDir(f.dir)
	newest := int32(0)
	for _, e := range all {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok {
			continue
		}
		name = strings.ReplaceAll(name, "+", "/")
		if generation := generationOf(series, name); generation > newest {
			ledger, newest = name, generation
		}
	}
	return ledger, err
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
	tmp, err := os.CreateTemp(f.dir, temporary+"*")
	if err != nil {
		return err
	}
	if _, err = tmp.Write(next); err == nil {
		err = tmp.Sync()
	}
	if err = cmp.Or(err, tmp.Close()); err == nil {
		inject.CheckpointSynced.Pass()
		err = os.Rename(tmp.Name(), f.Path(ledger))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", err, ErrConflict) // another process has started here and tidied up
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // else the next start does
		return err
	}
	inject.CheckpointKept.Pass()
	return record.SyncDir(f.dir)
}
