package record

import (
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// The hashes are those of RFC 6962 as golang.org/x/mod/sumdb/tlog has them.
func TestTreeIsTlogs(t *testing.T) {
	var f Frontier
	var tree Tree
	empty, err := tlog.TreeHash(0, &tree)
	if err != nil || f.Root() != empty {
		t.Fatalf("empty tree: %v, want %v, %v", f.Root(), empty, err)
	}
	var roots []Hash
	for n := range int64(130) {
		body := fmt.Appendf(nil, "body %d", n)
		if LeafHash(body) != tlog.RecordHash(body) {
			t.Fatal("leaf hash")
		}
		f.Append(LeafHash(body))
		if err := tree.Append(LeafHash(body)); err != nil {
			t.Fatal(err)
		}
		want, err := tree.Root(n + 1)
		if err != nil || f.Root() != want || f.Size() != n+1 {
			t.Fatalf("size %d: root %v, want %v, %v", n+1, f.Root(), want, err)
		}
		again, err := NewFrontier(f.Size(), f.Roots())
		if err != nil || again.Root() != want {
			t.Fatalf("size %d: from its roots: %v, %v", n+1, again.Root(), err)
		}
		roots = append(roots, want)
	}
	for newer := int64(1); newer <= 40; newer++ {
		cp := Checkpoint{Ledger: testLedger, Size: newer, Root: roots[newer-1]}
		for i := range newer {
			proof, err := tree.Inclusion(i, newer)
			if err != nil {
				t.Fatal(err)
			}
			if err := CheckInclusion(cp, i, fmt.Appendf(nil, "body %d", i), proof); err != nil {
				t.Fatal(err)
			}
			if CheckInclusion(cp, i, []byte("another"), proof) == nil {
				t.Fatal("another body is included")
			}
			older := Checkpoint{Ledger: testLedger, Size: i + 1, Root: roots[i]}
			if proof, err = tree.Consistency(i+1, newer); err != nil {
				t.Fatal(err)
			}
			if err := CheckConsistency(older, cp, proof); err != nil {
				t.Fatal(err)
			}
			older.Root[0] ^= 1
			if CheckConsistency(older, cp, proof) == nil {
				t.Fatalf("%d is consistent with another %d", newer, i+1)
			}
		}
	}
	a, b := Checkpoint{Ledger: testLedger, Size: 5}, Checkpoint{Ledger: "x", Size: 6}
	if CheckConsistency(a, b, nil) == nil || CheckConsistency(Checkpoint{Ledger: "x", Size: 7}, b, nil) == nil || CheckInclusion(a, 5, nil, nil) == nil {
		t.Error("nonsense is consistent")
	}
	if _, err := tree.Inclusion(3, 131); err == nil {
		t.Error("a proof beyond the tree")
	}
	if _, err := NewFrontier(-1, nil); err == nil {
		t.Error("a negative size")
	}
}

func TestCombinedRoot(t *testing.T) {
	a, b := Head{"l/0", 3, Hash{1}}, Head{"l/1", 4, Hash{2}}
	one := CombinedRoot([]Head{a, b})
	if one != CombinedRoot([]Head{b, a}) {
		t.Error("depends on the order")
	}
	b.Size++
	if one == CombinedRoot([]Head{a, b}) {
		t.Error("does not depend on the size")
	}
	if CombinedRoot([]Head{a}) != tlog.RecordHash([]byte("l/0\n3\nAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")) {
		t.Error("of one ledger")
	}
}
