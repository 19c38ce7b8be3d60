package record

import (
	"fmt"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Manifest is a reader's rule for the manifest ledger, the same for every reader: it takes the leaves that extend it. A leaf is taken
// iff its sequence and previous hash extend the manifest, it has as many partitions as the first one, its end is the one that is due,
// every head has passed that end, and no head goes back. A copy of a Manifest is a Manifest of its own. Not for concurrent use.
type Manifest struct {
	name string
	tree Frontier
	hash Hash         // of leaf
	leaf ManifestLeaf // the last one
}

// NewManifest makes the empty manifest of a name.
func NewManifest(name string) (*Manifest, error) {
	if err := CheckLedger(name); err != nil {
		return nil, err
	}
	return &Manifest{name: name}, nil
}

// ResumeManifest makes a manifest that goes on after a leaf, without the leaves before it. cp must have been opened
// (OpenCheckpoint) and be the checkpoint over leaf as the last one; before is the frontier of the leaves before it. Both are
// checked against its root.
func ResumeManifest(cp Checkpoint, before []Hash, leaf string) (*Manifest, error) {
	m, err := NewManifest(cp.Ledger)
	if err != nil {
		return nil, err
	}
	if m.leaf, err = ParseManifestLeaf(leaf); err == nil {
		m.tree, err = NewFrontier(max(0, cp.Size-1), before)
	}
	if err != nil {
		f := err.(*Fault)
		f.Ledger = m.name
		return nil, f
	}
	if m.leaf.Manifest != m.name || m.leaf.Sequence != cp.Size-1 {
		return nil, m.fault(m.leaf.Sequence, "leaf.sequence", Gap, fmt.Sprintf("is %d of %s; the checkpoint's last leaf is %d", m.leaf.Sequence, m.leaf.Manifest, cp.Size-1))
	}
	m.hash = LeafHash([]byte(leaf))
	m.tree.Append(m.hash)
	return m, m.matches(cp)
}

// Accept takes a leaf if it is the next one, and otherwise returns a *Fault that says why not.
func (m *Manifest) Accept(text string) error {
	l, err := ParseManifestLeaf(text)
	if err != nil {
		f := err.(*Fault)
		return m.fault(m.Size(), f.Field, f.Reason, f.Detail)
	}
	if f := m.extends(&l); f != nil {
		return f
	}
	m.hash, m.leaf = LeafHash([]byte(text)), l
	m.tree.Append(m.hash)
	return nil
}

func (m *Manifest) extends(l *ManifestLeaf) error {
	n := m.Size()
	switch {
	case l.Manifest != m.name:
		return m.fault(n, "leaf.manifest", OtherLedger, fmt.Sprintf("is %.128q", l.Manifest))
	case l.Sequence != n:
		return m.fault(n, "leaf.sequence", Gap, fmt.Sprintf("is %d", l.Sequence))
	case l.Previous != m.hash:
		return m.fault(n, "leaf.previous", BrokenChain, fmt.Sprintf("is %v, the leaf before has %v", l.Previous, m.hash))
	case n > 0 && len(l.Heads) != len(m.leaf.Heads):
		return m.fault(n, "leaf.heads", Missing, fmt.Sprintf("are of %d partitions, the deployment has %d", len(l.Heads), len(m.leaf.Heads)))
	case n > 0 && l.End != m.Due():
		return m.fault(n, "leaf.end", Gap, fmt.Sprintf("is %d, due is %d", l.End, m.Due()))
	}
	for p, h := range l.Heads {
		if f := m.head(n, l.End, p, h); f != nil {
			return f
		}
	}
	return nil
}

// head judges the head of a partition.
func (m *Manifest) head(n, end int64, p int, h Promise) error {
	if h.Time < end {
		return m.fault(n, "leaf.heads", Missing, fmt.Sprintf("ledger %s is complete up to %d only, the leaf is of %d", h.Ledger, h.Time, end))
	}
	before := Promise{Head: Head{Ledger: h.Ledger, Root: new(Frontier).Root()}}
	if n > 0 {
		before = m.leaf.Heads[p]
	}
	if before.Ledger != h.Ledger { // the names are deployment/environment/p/generation, both of them
		_, is, _ := cutGeneration(h.Ledger, strconv.Itoa(p))
		if _, was, _ := cutGeneration(before.Ledger, strconv.Itoa(p)); is < was {
			return m.fault(n, "leaf.heads", Misconduct, fmt.Sprintf("ledger %s comes after %s", h.Ledger, before.Ledger))
		}
		before = Promise{Head: Head{Root: new(Frontier).Root()}, Time: before.Time}
	}
	if h.Size < before.Size || h.Time < before.Time {
		return m.fault(n, "leaf.heads", Misconduct, fmt.Sprintf("ledger %s goes back from %d records, complete up to %d, to %d, up to %d", h.Ledger, before.Size, before.Time, h.Size, h.Time))
	}
	if h.Size == before.Size && h.Root != before.Root {
		return m.fault(n, "leaf.heads", RootMismatch, fmt.Sprintf("ledger %s has two roots for its first %d records", h.Ledger, h.Size))
	}
	return nil
}

// Due is the end of the next leaf: that of the first minute that the last leaf says nothing sure about. Minutes in which no
// ledger has anything new to promise are passed over. It is 0 before the first leaf, which may have any end.
func (m *Manifest) Due() int64 {
	if m.Size() == 0 {
		return 0
	}
	return DueAfter(m.leaf.Until())
}

// Verify opens a checkpoint's note under the trusted keys and compares it with the manifest, which must have its very size.
func (m *Manifest) Verify(text []byte, trusted ...note.Verifier) (Checkpoint, error) {
	cp, err := OpenCheckpoint(text, trusted...)
	if err != nil {
		f := err.(*Fault)
		return cp, m.fault(m.Size(), f.Field, f.Reason, f.Detail)
	}
	return cp, m.matches(cp)
}

func (m *Manifest) matches(cp Checkpoint) error {
	switch {
	case cp.Ledger != m.name:
		return m.fault(m.Size(), "checkpoint.origin", OtherLedger, fmt.Sprintf("is %.128q", cp.Ledger))
	case cp.Size != m.Size():
		return m.fault(m.Size(), "checkpoint.size", Missing, fmt.Sprintf("is %d; here are %d leaves", cp.Size, m.Size()))
	case cp.Root != m.Root():
		return m.fault(m.Size()-1, "checkpoint.root", RootMismatch, fmt.Sprintf("is %v, but the leaves give %v", cp.Root, m.Root()))
	}
	return nil
}

// Name is the manifest ledger's name.
func (m *Manifest) Name() string { return m.name }

// Size is how many leaves there are.
func (m *Manifest) Size() int64 { return m.tree.Size() }

// Root is the Merkle tree's root over the leaves: the deployment's.
func (m *Manifest) Root() Hash { return m.tree.Root() }

// Last is the last leaf's hash: the next one's previous hash.
func (m *Manifest) Last() Hash { return m.hash }

// Leaf is the last leaf. Its heads are the manifest's own.
func (m *Manifest) Leaf() ManifestLeaf { return m.leaf }

// String says what a verified manifest is good for.
func (m *Manifest) String() string {
	return fmt.Sprintf("manifest verified: %s, %d leaves, root %v: none of its %d partitions is missing, and nothing that was concluded before %s",
		m.name, m.Size(), m.Root(), len(m.leaf.Heads), time.UnixMilli(m.leaf.Until()).UTC().Format("2006-01-02 15:04:05.000Z"))
}

// Frontier is a copy of the Merkle tree's compact form.
func (m *Manifest) Frontier() Frontier { return m.tree }

func (m *Manifest) fault(sequence int64, field string, r Reason, detail string) *Fault {
	return &Fault{Ledger: m.name, Sequence: sequence, Field: field, Reason: r, Detail: detail}
}
