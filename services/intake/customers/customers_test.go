package customers

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func testKey(t testing.TB) *Key {
	t.Helper()
	k, err := New(rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func save(t testing.TB, path string, k *Key) {
	t.Helper()
	if err := Replace(path, k); err != nil {
		t.Fatal(err)
	}
}

// What an auditor relies on: from the key that is left, the salt of nobody who was erased can be made, and that of nobody else
// has changed, but for those in the same rows.
func TestErasedCustomersSaltsAreGoneAndOthersStay(t *testing.T) {
	before := testKey(t)
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.StringN(1, 20, MaxID), 1, 50, rapid.ID).Draw(t, "ids")
		n := rapid.IntRange(1, len(ids)).Draw(t, "erased")
		after := before.Erase(ids[:n]...)
		rows := map[string]bool{}
		for _, id := range ids[:n] {
			rows[string(before.row(id))] = true
			if after.Salt(id) == before.Salt(id) || after.Commitment(id) == before.Commitment(id) {
				t.Fatalf("the salt of %q can be made still", id)
			}
		}
		for _, id := range ids[n:] {
			if same := after.Salt(id) == before.Salt(id); same == rows[string(before.row(id))] {
				t.Fatalf("%q: same salt: %t", id, same)
			}
		}
	})
	if bytes.Equal(before.Erase("anna").Bytes(), before.Erase("anna").Bytes()) {
		t.Error("what comes in the place of a row is no random number: whoever knows the old key can make it")
	}
}

// The key must not say who was erased: every row of it is a random number, erased from or not.
func TestTheKeyDoesNotShowWhoWasErased(t *testing.T) {
	k := testKey(t).Erase("anna")
	if k.Version() != 1 || len(k.Bytes()) != fileSize {
		t.Errorf("version %d, %d bytes", k.Version(), len(k.Bytes()))
	}
	if zero := make([]byte, rowSize); bytes.Equal(k.row("anna"), zero) {
		t.Error("the row is empty")
	}
}

func TestAFileIsTheKeyOrRefused(t *testing.T) {
	k := testKey(t).Erase("anna")
	b := k.Bytes()
	got, err := Parse(b)
	if err != nil || got.Salt("ben") != k.Salt("ben") || got.Sum() != k.Sum() || got.Version() != 1 {
		t.Fatal(err)
	}
	for want, edit := range map[string]func([]byte) []byte{
		"no customer key": func(b []byte) []byte { return b[1:] },
		"restore it":      func(b []byte) []byte { return b[:len(b)-1] },
		"checksum":        func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"keys customers":  func([]byte) []byte { return []byte(strings.Repeat("ab", 32) + "\n") },
	} {
		if _, err := Parse(edit(bytes.Clone(b))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
}

func TestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "customers.secret")
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "casetrail keys customers") {
		t.Error(err)
	}
	if err := Create(path); err != nil {
		t.Fatal(err)
	}
	if err := Create(path); err == nil || !strings.Contains(err.Error(), "never overwritten") {
		t.Error(err)
	}
	k, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if err := os.WriteFile(path+".new", []byte("of a crash"), 0o600); err != nil {
		t.Fatal(err)
	}
	next := k.Erase("anna")
	save(t, path, next)
	if got, err := Load(path); err != nil || got.Sum() != next.Sum() {
		t.Error(err)
	}
	if _, err := os.Stat(path + ".new"); !os.IsNotExist(err) {
		t.Error("the draft is left:", err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Error(err)
	}
}

// No intake goes on with a key from before an erasure.
func TestHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "customers.secret")
	first := testKey(t)
	second := first.Erase("anna")
	third := second.Erase("ben")
	save(t, path, first)
	h, err := Hold(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Erased(1, second.Sum()); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "from before") {
		t.Error("goes on with the old key:", err)
	}
	save(t, path, first.Erase("anna"))
	if err := h.Erased(1, second.Sum()); err == nil || !strings.Contains(err.Error(), "neither") {
		t.Error("goes on with another key:", err)
	}
	if h.Commitment("anna") != first.Commitment("anna") {
		t.Error("a key that is refused is taken")
	}
	save(t, path, second)
	if err := h.Erased(1, second.Sum()); err != nil || h.Commitment("anna") != second.Commitment("anna") {
		t.Error("does not take the new key:", err)
	}
	save(t, path, third)
	if err := h.Erased(2, third.Sum()); err != nil {
		t.Error(err)
	}
	if err := h.Erased(1, second.Sum()); err != nil {
		t.Error("an older order stops the newer key:", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := h.Erased(3, third.Sum()); err == nil || !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// Written down, so that no change of the code unlinks the customers of a deployment.
func TestCommitmentsStayTheSame(t *testing.T) {
	k := testKey(t)
	const want = "a6de6840b2690a96a8415c2e5fd11310457754a4a1f5ab752c6edabb571f746c"
	if got := fmt.Sprintf("%x", k.Commitment("anna")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if k.Commitment("anna") != Commitment(k.Salt("anna"), "anna") {
		t.Error("the commitment does not follow from salt and id")
	}
}

func FuzzParse(f *testing.F) {
	k := testKey(f)
	f.Add([]byte(header), uint32(0))
	f.Add(k.Bytes()[:100], uint32(fileSize))
	f.Add([]byte{}, uint32(1))
	f.Fuzz(func(t *testing.T, start []byte, size uint32) {
		b := append(bytes.Clone(start), make([]byte, int(size)%(fileSize+2))...)
		if k, err := Parse(b); err == nil && !bytes.Equal(k.Bytes(), b) {
			t.Error("a file that is read as another")
		}
	})
}

func BenchmarkCommitment(b *testing.B) {
	k := testKey(b)
	b.ReportMetric(float64(len(k.Bytes())), "bytes/file")
	for i := 0; b.Loop(); i++ {
		k.Commitment("customer-17")
	}
}

// What 10,000 erasures, one after the other, cost, and how many of a million customers get another salt by them without having been
// erased.
func BenchmarkErase(b *testing.B) {
	path := filepath.Join(b.TempDir(), "customers.secret")
	k := testKey(b)
	for i := 0; b.Loop(); i++ {
		k = k.Erase(fmt.Sprint("customer-", i))
		save(b, path, k)
	}
	var ids []string
	for i := range 10_000 {
		ids = append(ids, fmt.Sprint("customer-", i))
	}
	before := testKey(b)
	after, other := before.Erase(ids...), 0
	for i := len(ids); i < 1_000_000; i++ {
		if id := fmt.Sprint("customer-", i); !bytes.Equal(before.row(id), after.row(id)) {
			other++
		}
	}
	b.ReportMetric(float64(other)/1e4, "%others")
}
