package export

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/casetrail/casetrail/record"
)

// width is how many hashes a full tile has, and how many entries a full bundle.
const width = 256

// tiles writes a Merkle tree as tiles and its leaves as entry bundles (https://c2sp.org/tlog-tiles) into a folder. It keeps
// one tile of each level in memory, and one bundle. Call finish at the end.
type tiles struct {
	dir    string
	size   int64
	bundle []byte
	levels []level
}

// level is the tile of a level that is not full yet.
type level struct {
	index  int64
	hashes []byte
	tree   record.Frontier // over hashes
}

// append adds a leaf. One that its 16 bits of length can't hold is an error, and nothing is written of it.
func (t *tiles) append(body []byte) error {
	if len(body) > math.MaxUint16 {
		return fmt.Errorf("record %d has %d bytes; an entry of tlog-tiles holds %d at most", t.size, len(body), math.MaxUint16)
	}
	t.bundle = append(binary.BigEndian.AppendUint16(t.bundle, uint16(len(body))), body...)
	if t.size++; t.size%width == 0 {
		if err := t.write("entries", t.size/width-1, 0, t.bundle); err != nil {
			return err
		}
		t.bundle = t.bundle[:0]
	}
	return t.add(0, record.LeafHash(body))
}

// add adds a hash to a level. That of a full tile goes to the level above.
func (t *tiles) add(n int, h record.Hash) error {
	if n == len(t.levels) {
		t.levels = append(t.levels, level{})
	}
	l := &t.levels[n]
	l.hashes = append(l.hashes, h[:]...)
	if l.tree.Append(h); l.tree.Size() < width {
		return nil
	}
	if err := t.write(strconv.Itoa(n), l.index, 0, l.hashes); err != nil {
		return err
	}
	root := l.tree.Root()
	*l = level{index: l.index + 1, hashes: l.hashes[:0]}
	return t.add(n+1, root)
}

// finish writes what is not full.
func (t *tiles) finish() error {
	if w := int(t.size % width); w > 0 {
		if err := t.write("entries", t.size/width, w, t.bundle); err != nil {
			return err
		}
	}
	for n, l := range t.levels {
		if w := int(l.tree.Size()); w > 0 {
			if err := t.write(strconv.Itoa(n), l.index, w, l.hashes); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tiles) write(kind string, index int64, partial int, b []byte) error {
	path := filepath.Join(t.dir, "tile", kind, filepath.FromSlash(place(index, partial)))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

// place is the end of a tile's path: x001/x234/067 for index 1234067, and .p/ with the width if it is partial.
func place(index int64, partial int) string {
	path := fmt.Sprintf("%03d", index%1000)
	for index /= 1000; index > 0; index /= 1000 {
		path = fmt.Sprintf("x%03d/%s", index%1000, path)
	}
	if partial > 0 {
		path += fmt.Sprintf(".p/%d", partial)
	}
	return path
}
