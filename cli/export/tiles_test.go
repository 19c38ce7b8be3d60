package export

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/casetrail/casetrail/record"
)

// Every tile is what the Go checksum database's own code makes of the same tree, and there is no other file.
func TestTiles(t *testing.T) {
	for _, size := range []int64{1, 255, 256, 257, 512, 65536 + 300} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dir := t.TempDir()
			w := tiles{dir: dir}
			var tree record.Tree
			for i := range size {
				if err := errors.Join(w.append(leaf(i)), tree.Append(record.LeafHash(leaf(i)))); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.finish(); err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for level, n := 0, size; n > 0; level, n = level+1, n/width {
				for i := int64(0); i*width < n; i++ {
					tile := tlog.Tile{H: 8, L: level, N: i, W: int(min(width, n-i*width))}
					data, err := tlog.ReadTileData(tile, &tree)
					if err != nil {
						t.Fatal(err)
					}
					path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
					want[path] = true
					if got, err := os.ReadFile(filepath.Join(dir, path)); err != nil || !bytes.Equal(got, data) {
						t.Fatalf("%s: %v", path, err)
					}
					if level == 0 {
						path = strings.Replace(path, "tile/0/", "tile/entries/", 1)
						want[path] = true
						bundle(t, filepath.Join(dir, path), i*width, int64(tile.W))
					}
				}
			}
			err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() && !want[path] {
					t.Errorf("%s should not be", path)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func leaf(i int64) []byte { return bytes.Repeat([]byte{byte(i)}, int(i%7)) }

func bundle(t *testing.T, path string, from, n int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		size := int(binary.BigEndian.Uint16(b))
		if !bytes.Equal(b[2:2+size], leaf(from+i)) {
			t.Fatalf("%s: entry %d is another", path, i)
		}
		b = b[2+size:]
	}
	if len(b) > 0 {
		t.Errorf("%s: %d bytes too many", path, len(b))
	}
}

func TestPlace(t *testing.T) {
	for want, got := range map[string]string{"x001/x234/067": place(1234067, 0), "000": place(0, 0), "x001/000.p/3": place(1000, 3)} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Whatever a verifier takes, an entry holds; what is longer is refused, and never cut.
func TestTheLargestBody(t *testing.T) {
	w := tiles{dir: t.TempDir()}
	if err := w.append(make([]byte, record.MaxBody)); err != nil {
		t.Error(err)
	}
	if err := w.append(make([]byte, record.MaxBody+1)); err == nil || !strings.Contains(err.Error(), "record 1 has 65536 bytes") {
		t.Error(err)
	}
}
