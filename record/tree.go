package record

import (
	"crypto/sha256"
	"fmt"
	"math/bits"
)

// LeafHash is the RFC 6962 leaf hash of a body, SHA-256(0x00 ‖ body). It serves the chain (the next record's previous hash)
// and the Merkle tree.
func LeafHash(body []byte) Hash {
	var small [1024]byte
	return sha256.Sum256(append(append(small[:0], 0), body...))
}

// nodeHash is the RFC 6962 hash of an inner node, SHA-256(0x01 ‖ left ‖ right).
func nodeHash(left, right Hash) Hash {
	var b [65]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[33:], right[:])
	return sha256.Sum256(b[:])
}

// Frontier is the compact form of a Merkle tree (RFC 6962): the roots of its complete subtrees from left to right, one for each
// bit that is set in its size. From it a tree grows, at two hashes a leaf on average.
type Frontier struct {
	size  int64
	roots [63]Hash
	n     int
}

// NewFrontier makes a frontier of the subtrees' roots.
func NewFrontier(size int64, roots []Hash) (Frontier, error) {
	f := Frontier{size: size, n: len(roots)}
	if size < 0 || len(roots) != bits.OnesCount64(uint64(size)) {
		return Frontier{}, &Fault{Sequence: unknown, Field: "frontier", Reason: Malformed, Detail: fmt.Sprintf("%d hashes for a tree of size %d", len(roots), size)}
	}
	copy(f.roots[:], roots)
	return f, nil
}

// Append adds a leaf.
func (f *Frontier) Append(leaf Hash) {
	for n := f.size; n&1 == 1; n >>= 1 { // each low bit that is set is a subtree that is now complete
		f.n--
		leaf = nodeHash(f.roots[f.n], leaf)
	}
	f.roots[f.n] = leaf
	f.n++
	f.size++
}

// Size is how many leaves the tree has.
func (f *Frontier) Size() int64 { return f.size }

// Roots are the subtrees' roots, from left to right.
func (f *Frontier) Roots() []Hash { return append([]Hash(nil), f.roots[:f.n]...) }

// Root is the tree's root. That of the empty tree is SHA-256 of nothing.
func (f *Frontier) Root() Hash {
	if f.n == 0 {
		return sha256.Sum256(nil)
	}
	h := f.roots[f.n-1]
	for i := f.n - 2; i >= 0; i-- {
		h = nodeHash(f.roots[i], h)
	}
	return h
}
