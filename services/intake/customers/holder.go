package customers

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
)

// Holder holds the key of a file for a process, and takes the file's next one when something was erased from it. It is safe
// for concurrent use.
type Holder struct {
	path string
	load sync.Mutex
	key  atomic.Pointer[Key]
}

// Hold loads a file.
func Hold(path string) (*Holder, error) {
	h := &Holder{path: path}
	k, err := Load(path)
	h.key.Store(k)
	return h, err
}

// Commitment is that of a customer under the key that is held.
func (h *Holder) Commitment(id string) [sha256.Size]byte { return h.key.Load().Commitment(id) }

// Erased is told that the key with this version and sum is the one to go on with. It loads the file again where it has an older
// one; an error says that the file still is an older one, or another: see Key.Erased.
func (h *Holder) Erased(version int64, sum [sha256.Size]byte) error {
	h.load.Lock()
	defer h.load.Unlock()
	k := h.key.Load()
	if k.Version() < version {
		var err error
		if k, err = Load(h.path); err != nil {
			return err
		}
	}
	if err := k.Erased(version, sum); err != nil {
		return fmt.Errorf("customer key %s: %w", h.path, err)
	}
	h.key.Store(k)
	return nil
}
