package record

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// remembered is how many leaf hashes behind its end a chain knows, to tell a duplicate from a second history.
const remembered = 1024

// Chain is a reader's rule, the same for every reader of a ledger: it takes the records that extend it and refuses all
// else. A body is valid iff it is canonical, its ledger, sequence and previous hash extend the chain, its kind may stand
// there, its source is above the last one's, and its signature verifies under a key valid at its sequence. A refused body
// is to be skipped; Skipped counts it. Two refusals are more than noise: Equivocation is proof that the signer told two
// stories, and a checkpoint that does not match is proof of a loss. Not for concurrent use.
type Chain struct {
	state
	ledger  string
	later   bool             // a generation after the first, of whose predecessor nothing is known
	recent  [remembered]Hash // leaf hashes by sequence modulo its length
	low     int64            // the least sequence whose hash is in recent
	skipped [reasons]int64
	scratch Prepared
	revoked []Revocation
}

// state is what a chain is at a size; a Snapshot is a copy of it.
type state struct {
	tree   Frontier
	last   Hash
	source Source
	sealed bool
	sure   int64 // the records below this sequence are authentic: by their signatures, or by a checkpoint's
	keys   []key // by from, never changed in place
}

// key signs from a sequence to that of the next key.
type key struct {
	note.Verifier
	from int64
}

// NewChain makes the empty chain of a ledger whose first key is trusted.
func NewChain(ledger string, trusted note.Verifier) (*Chain, error) {
	if err := CheckLedger(ledger); err != nil {
		return nil, err
	}
	_, generation := Generation(ledger)
	return &Chain{ledger: ledger, later: generation > 1, state: state{source: GenesisSource, keys: []key{{trusted, 0}}}}, nil
}

// ResumeChain makes a chain that goes on after a checkpoint, without the records before it. The checkpoint must have been
// opened (OpenCheckpoint) with the trusted key, which is the one valid at its last record; frontier is checked against its
// root. last is the body of its last record, which is fully checked but for what came before it.
func ResumeChain(cp Checkpoint, frontier []Hash, last []byte, trusted note.Verifier) (*Chain, error) {
	c, err := NewChain(cp.Ledger, trusted)
	if err != nil {
		return nil, err
	}
	if c.tree, err = NewFrontier(cp.Size, frontier); err != nil {
		return nil, c.fault(err.(*Fault))
	}
	if root := c.tree.Root(); root != cp.Root {
		return nil, c.fault(&Fault{Field: "frontier", Reason: RootMismatch, Detail: fmt.Sprintf("gives the root %v, signed was %v", root, cp.Root)})
	}
	c.low, c.sure = cp.Size, cp.Size
	if cp.Size == 0 {
		return c, nil
	}
	c.scratch = Prepared{body: last}
	if c.scratch.Prepare(); c.scratch.fault != nil {
		return nil, c.fault(c.scratch.fault)
	}
	s := &c.scratch.Signed
	switch {
	case s.Ledger != c.ledger:
		return nil, c.at(s, "ledger", OtherLedger, fmt.Sprintf("is %q", s.Ledger))
	case s.Sequence != cp.Size-1:
		return nil, c.at(s, "sequence", Gap, fmt.Sprintf("the checkpoint's last record is %d", cp.Size-1))
	}
	if f := c.verify(&c.scratch); f != nil {
		return nil, f
	}
	leaf := c.scratch.leaf
	if cp.Size&1 == 1 && leaf != c.tree.roots[c.tree.n-1] {
		return nil, c.at(s, "body", RootMismatch, "is not the record that the checkpoint covers")
	}
	c.last, c.source, c.sealed = leaf, s.Source, s.Kind == KindSeal
	c.low = cp.Size - 1
	c.recent[c.low%remembered] = leaf
	if s.Kind == KindKeyRotation {
		if f := c.rotate(s); f != nil {
			return nil, f
		}
	}
	return c, nil
}

// Accept takes a body if it is valid, and otherwise returns a *Fault that says why not. The record is the chain's own
// until the next call; its text and its parts of body may be kept.
func (c *Chain) Accept(body []byte) (*Signed, error) { return c.accept(body, false) }

// AcceptUnverified is Accept without the signature: for a reader that holds back what it makes of the records until
// Verify has compared a signed checkpoint with the root over them. One signature then stands for all records under it, as
// the tree's root commits to every byte of them, at a hundredth of the cost. Key rotations are verified all the same, as
// they decide who may sign the checkpoint. When Verify fails, or a body is refused as Contested, a body that nobody signed
// has slipped in: the reader goes back to its Snapshot of the last checkpoint, reads the same records again with Accept,
// which skips that body, and then calls Verify again.
func (c *Chain) AcceptUnverified(body []byte) (*Signed, error) { return c.accept(body, true) }

func (c *Chain) accept(body []byte, unsigned bool) (*Signed, error) {
	p := &c.scratch
	p.body, p.keys, p.unsigned = body, nil, unsigned // its signature is looked at only if all else is right
	p.Prepare()
	return c.Take(p)
}

// Take is Accept, or AcceptUnverified, of a body that was prepared (Load, Prepare), with the same verdict. The record is p's.
func (c *Chain) Take(p *Prepared) (*Signed, error) {
	if p.fault != nil {
		return nil, c.skip(c.fault(p.fault))
	}
	s, leaf := &p.Signed, p.leaf
	if f := c.extends(p); f != nil {
		return nil, c.skip(f)
	}
	if !p.unsigned || s.Kind == KindKeyRotation {
		if f := c.verify(p); f != nil {
			return nil, c.skip(f)
		}
	}
	if f := c.beyond(s); f != nil {
		return nil, c.skip(f)
	}
	if s.Kind == KindKeyRotation {
		if f := c.rotate(s); f != nil {
			return nil, c.skip(f)
		}
	}
	if !p.unsigned && s.Sequence == c.sure {
		c.sure++
	}
	c.recent[s.Sequence%remembered] = leaf
	c.low = max(c.low, s.Sequence-remembered+1)
	c.tree.Append(leaf)
	c.last, c.sealed = leaf, s.Kind == KindSeal
	if s.Kind != KindGenesis { // of a later generation, sources go on
		c.source = s.Source
	}
	if f := c.revocations(); f != nil {
		return nil, c.skip(f)
	}
	return s, nil
}

// extends is the rule but for the signature.
func (c *Chain) extends(p *Prepared) *Fault {
	s := &p.Signed
	switch size := c.Size(); {
	case s.Ledger != c.ledger:
		f := c.at(s, "ledger", OtherLedger, fmt.Sprintf("is %.128q", s.Ledger))
		f.Sequence = size
		return f
	case s.Sequence < size:
		return c.taken(p)
	case s.Sequence > size:
		f := c.at(s, "sequence", Gap, fmt.Sprintf("is %d, so records are missing", s.Sequence))
		f.Sequence = size
		return f
	case !c.links(s):
		return c.at(s, "previous_record_hash", BrokenChain, fmt.Sprintf("is %v, the record before has %v", s.PreviousHash, c.last))
	case c.sealed:
		return c.at(s, "kind", WrongKind, "the ledger is sealed")
	case (s.Kind == KindGenesis) != (size == 0):
		return c.at(s, "kind", WrongKind, fmt.Sprintf("is %v; a genesis record is the first one and no other", s.Kind))
	case s.Kind == KindGenesis && s.Source != GenesisSource, s.Kind != KindGenesis && !s.Source.After(c.source):
		return c.at(s, "source", SourceNotAbove, fmt.Sprintf("is %v, the last one was %v", s.Source, c.source))
	}
	return nil
}

// links tells whether a record names the one before it. A later generation begins with the leaf hash of the seal before it, which
// whoever has that one compares; the first one begins with zeros.
func (c *Chain) links(s *Signed) bool {
	if c.later && c.Size() == 0 {
		return s.PreviousHash != Hash{}
	}
	return s.PreviousHash == c.last
}

// taken judges a record whose sequence another one has: the same one, or proof against the signer.
func (c *Chain) taken(p *Prepared) *Fault {
	s, leaf := &p.Signed, p.leaf
	if s.Sequence < c.low {
		return c.at(s, "sequence", Stale, fmt.Sprintf("was taken long ago; the next one is %d", c.Size()))
	}
	known := c.recent[s.Sequence%remembered]
	if leaf == known {
		return c.at(s, "sequence", Duplicate, "has this very record")
	}
	if f := c.verify(p); f != nil {
		f.Sequence, f.Detail = c.Size(), fmt.Sprintf("of a record that says it is %d, which is taken, %s", s.Sequence, f.Detail)
		return f
	}
	if s.Sequence >= c.sure {
		return c.at(s, "sequence", Contested, "has a record that was not verified, and this one is validly signed")
	}
	return c.at(s, "sequence", Equivocation, fmt.Sprintf("has two validly signed records, leaf hashes %v and %v", known, leaf))
}

// verify checks the signature under the key valid at the record's sequence, unless that was done while it was prepared.
func (c *Chain) verify(p *Prepared) *Fault {
	s, k := &p.Signed, keyAt(c.keys, p.Sequence)
	if p.by == k {
		return nil
	}
	if s.keyID() != k.KeyHash() {
		return c.at(s, "key_id", UnknownKey, fmt.Sprintf("is %08x; key %s, %08x, signs here", s.keyID(), k.Name(), k.KeyHash()))
	}
	if !p.verifies(k) {
		return c.at(s, "signature", BadSignature, fmt.Sprintf("does not verify under key %s, %08x", k.Name(), k.KeyHash()))
	}
	return nil
}

// rotate takes the key that a rotation names. It signs from the next record on: no key is ever pending, so whoever resumes
// at a checkpoint needs one key and no history.
func (c *Chain) rotate(s *Signed) *Fault {
	v, err := note.NewVerifier(s.Rotation.PublicKey)
	if err != nil {
		return c.at(s, "rotation.public_key", BadRotation, err.Error())
	}
	if next := s.Sequence + 1; s.Rotation.FromSequence != next {
		return c.at(s, "rotation.from_sequence", BadRotation, fmt.Sprintf("is %d, the next sequence is %d", s.Rotation.FromSequence, next))
	}
	c.keys = append(c.keys[:len(c.keys):len(c.keys)], key{v, s.Rotation.FromSequence})
	return nil
}

// Key is the key that signs the record of a sequence, as far as the chain knows: the latest known one where it has not come
// to the sequence yet. A checkpoint is signed by the key of its last record.
func (c *Chain) Key(sequence int64) note.Verifier { return keyAt(c.keys, sequence).Verifier }

// Sealed tells whether the last record is a seal: the ledger takes no more.
func (c *Chain) Sealed() bool { return c.sealed }

// keyAt is the key valid at a sequence, the same pointer as long as no key was added.
func keyAt(keys []key, sequence int64) *key {
	for i := len(keys) - 1; i > 0; i-- {
		if keys[i].from <= sequence {
			return &keys[i]
		}
	}
	return &keys[0]
}

// Verify opens a checkpoint's note under the key valid at its last record and compares it with the chain, which must have
// its very size.
func (c *Chain) Verify(text []byte) (Checkpoint, error) {
	cp, err := OpenCheckpoint(text, keyAt(c.keys, c.Size()-1))
	if err != nil {
		return Checkpoint{}, c.fault(err.(*Fault))
	}
	return cp, c.Matches(cp)
}

// Matches compares a checkpoint that has been opened already with the chain, which must have its very size.
func (c *Chain) Matches(cp Checkpoint) error {
	root := c.Root()
	switch {
	case cp.Ledger != c.ledger:
		return c.fault(&Fault{Field: "checkpoint.origin", Reason: OtherLedger, Detail: fmt.Sprintf("is %.128q", cp.Ledger)})
	case cp.Size > c.Size():
		return c.fault(&Fault{Field: "checkpoint.size", Reason: Missing, Detail: fmt.Sprintf("a checkpoint promises %d records, here are %d", cp.Size, c.Size())})
	case cp.Size < c.Size():
		return c.fault(&Fault{Field: "checkpoint.size", Reason: Malformed, Detail: fmt.Sprintf("is %d, compared at %d records", cp.Size, c.Size())})
	case cp.Root != root:
		return &Fault{Ledger: c.ledger, Sequence: cp.Size - 1, Field: "checkpoint.root", Reason: RootMismatch,
			Detail: fmt.Sprintf("is %v, but the first %d records give %v", cp.Root, cp.Size, root)}
	}
	c.sure = cp.Size
	return nil
}

// Ledger is the ledger's name.
func (c *Chain) Ledger() string { return c.ledger }

// Size is how many records the chain has; the next one's sequence.
func (c *Chain) Size() int64 { return c.tree.Size() }

// Last is the last record's leaf hash: the next one's previous hash.
func (c *Chain) Last() Hash { return c.last }

// Source is the last record's source.
func (c *Chain) Source() Source { return c.source }

// Root is the Merkle tree's root over the records.
func (c *Chain) Root() Hash { return c.tree.Root() }

// Frontier is a copy of the Merkle tree's compact form.
func (c *Chain) Frontier() Frontier { return c.tree }

// Skipped is how many bodies were refused for a reason.
func (c *Chain) Skipped(r Reason) int64 { return c.skipped[r] }

// Snapshot is a chain at one size. Taking one copies about 2 KiB.
type Snapshot struct{ state }

// Snapshot remembers where the chain is.
func (c *Chain) Snapshot() Snapshot { return Snapshot{c.state} }

// Restore goes back to a snapshot of the same chain. The counts of skipped bodies stay.
func (c *Chain) Restore(s Snapshot) { c.state = s.state }

func (c *Chain) skip(f *Fault) *Fault {
	c.skipped[f.Reason]++
	return f
}

// fault completes a fault with what was due.
func (c *Chain) fault(f *Fault) *Fault {
	f.Ledger, f.Sequence = c.ledger, c.Size()
	return f
}

func (c *Chain) at(s *Signed, field string, r Reason, detail string) *Fault {
	return &Fault{Ledger: c.ledger, Sequence: s.Sequence, Field: field, Reason: r, Detail: detail}
}
