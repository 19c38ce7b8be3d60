package sign

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/casetrail/casetrail/record"
)

func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "new")
	f, err := NewFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	const ledger = "casetrail/dev/0/1"
	if text, err := f.Load(ledger); err != nil || len(text) != 0 {
		t.Fatalf("an empty store has %q, %v", text, err)
	}
	if err := f.Swap(ledger, nil, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := f.Swap(ledger, nil, []byte("two")); !errors.Is(err, ErrConflict) {
		t.Fatalf("got %v, want a conflict", err)
	}
	if err := f.Swap(ledger, []byte("one"), []byte("two")); err != nil {
		t.Fatal(err)
	}
	if text, err := f.Load(ledger); err != nil || string(text) != "two" {
		t.Fatalf("got %q, %v", text, err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != "casetrail+dev+0+1.checkpoint" {
		t.Fatalf("got %v, %v", files, err)
	}
}

// A second owner may have kept a checkpoint meanwhile: further on is left alone, behind is replaced, another root stops.
func TestKeeperConflict(t *testing.T) {
	key := testKey(t, 1)
	cp := func(size int64, root byte) record.Checkpoint {
		c, err := key.SignCheckpoint(Ledger(prefix, 0), size, record.Hash{root})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, c := range []struct {
		name  string
		other record.Checkpoint
		want  int64
		stops bool
	}{{"behind", cp(5, 1), 10, false}, {"the same", cp(10, 2), 10, false}, {"further on", cp(15, 3), 15, false}, {"another root", cp(10, 9), 10, true}} {
		t.Run(c.name, func(t *testing.T) {
			store := newStore()
			k := keeper{store: store, series: prefix + "/0", keys: Keys{key}}
			if err := k.keep(cp(3, 3)); err != nil {
				t.Fatal(err)
			}
			store.kept[k.ledger] = c.other.Note
			if err := k.keep(cp(10, 2)); errors.Is(err, ErrFork) != c.stops || err != nil && !c.stops {
				t.Fatal(err)
			}
			if got, err := record.OpenCheckpoint(store.kept[k.ledger], key.Verifier()); err != nil || got.Size != c.want {
				t.Fatalf("kept size %d, %v, want %d", got.Size, err, c.want)
			}
		})
	}
}
