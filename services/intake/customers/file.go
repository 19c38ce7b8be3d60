package customers

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/casetrail/casetrail/record"
)

// A file is the header, the version, the table, and a SHA-256 over all of that.
const (
	header   = "casetrail customers 1\n"
	bodySize = len(header) + 8 + rows*rowSize
	fileSize = bodySize + sha256.Size
)

// Bytes are the key as a file.
func (k *Key) Bytes() []byte {
	b := append(make([]byte, 0, fileSize), header...)
	b = append(binary.BigEndian.AppendUint64(b, k.version), k.table...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// Sum names the key: the SHA-256 of the file but for its last 32 bytes, which are this.
func (k *Key) Sum() [sha256.Size]byte {
	return [sha256.Size]byte(k.Bytes()[bodySize:])
}

// Parse reads a key. Whatever is not one whole, unharmed file is an error.
func Parse(b []byte) (*Key, error) {
	switch {
	case !bytes.HasPrefix(b, []byte(header)):
		return nil, errors.New("it is no customer key: make one with casetrail keys customers (a .secret of an earlier version is replaced by a new one, which unlinks what is older)")
	case len(b) != fileSize:
		return nil, fmt.Errorf("it has %d bytes, a customer key has %d: restore it", len(b), fileSize)
	case sha256.Sum256(b[:bodySize]) != [sha256.Size]byte(b[bodySize:]):
		return nil, errors.New("its checksum is another: it was cut short or altered; restore it")
	}
	version := binary.BigEndian.Uint64(b[len(header):])
	if version>>63 != 0 {
		return nil, errors.New("its version is out of range")
	}
	return &Key{version, bytes.Clone(b[len(header)+8 : bodySize])}, nil
}

// Create makes a key and writes it to a new file. It never overwrites one, and returns when it is on disk.
func Create(path string) error {
	k, err := New(rand.Reader)
	if err != nil {
		return err
	}
	return write(path, k.Bytes(), os.O_EXCL)
}

// Load reads a key from a file that nobody but its owner may read or write.
func Load(path string) (*Key, error) {
	info, err := record.StatPrivate("customer key", "casetrail keys customers", path)
	if err != nil {
		return nil, err
	}
	if info.Size() > int64(fileSize) {
		return nil, fmt.Errorf("customer key %s has %d bytes, at most %d", path, info.Size(), fileSize)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("customer key: %w", err)
	}
	k, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("customer key %s: %w", path, err)
	}
	return k, nil
}

// Replace puts a key in the place of the file that is there: afterwards, and after a crash at any time, the file is the one or
// the other. It returns when the new one is on disk.
func Replace(path string, k *Key) error { return Save(path, k.Bytes()) }

// Save does what Replace does with other secrets.
func Save(path string, b []byte) error {
	draft := path + ".new"
	if err := write(draft, b, os.O_TRUNC); err != nil {
		return err
	}
	if err := os.Rename(draft, path); err != nil {
		return fmt.Errorf("customer key: %w", err)
	}
	return record.SyncDir(filepath.Dir(path))
}

func write(path string, b []byte, flag int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flag, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and a key is never overwritten: %w", path, err)
	}
	if err != nil {
		return fmt.Errorf("customer key: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("customer key: %w", err)
	}
	return record.SyncDir(filepath.Dir(path))
}
