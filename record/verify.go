package record

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Verifier reads one ledger from its genesis record on and names the first thing that is wrong with it. Where a reader skips
// what does not extend the chain, a Verifier takes it for a fault, but for exact duplicates. After a fault it is of no
// further use. Checkpoints may come at any time before the record after their last one.
type Verifier struct {
	chain       *Chain
	promised    []Checkpoint    // not reached yet, by size; without a note where a manifest has it
	times       map[int64]int64 // by size, of those without a note
	until       int64           // no record that comes now is concluded before
	checkpoints int64
	covered     int64
	signatures  int64
	kinds       [KindSeal + 1]int64
	statements  *Statements
	finished    []func(Report) // called when all is in order
	previous    Hash           // of the genesis record
}

// Report is what a Verifier has found in order.
type Report struct {
	Ledger      string
	Records     int64
	Root        Hash
	Last        Hash // leaf hash of the last record
	Checkpoints int64
	Covered     int64 // records under a checkpoint; the others are signed and chained, but a tail of them could be missing
	Signatures  int64 // of records, verified: all of them, or those of key rotations alone
	Kinds       map[Kind]int64
	Duplicates  int64
	Statements  *Statements   // what the records say of conduct
	Previous    Hash          // what the genesis record names: the seal of the generation before, zeros in the first one
	Key         note.Verifier // that signs the next record
}

// NewVerifier begins with an empty ledger whose first key is trusted.
func NewVerifier(ledger string, trusted note.Verifier) (*Verifier, error) {
	c, err := NewChain(ledger, trusted)
	if err != nil {
		return nil, err
	}
	return &Verifier{chain: c, statements: NewStatements()}, nil
}

// Record takes the next body: encoding, chain, source, signature, and what it says.
func (v *Verifier) Record(body []byte) error {
	p := &v.chain.scratch
	v.chain.Load(p, body, false)
	p.Prepare()
	return v.take(p)
}

func (v *Verifier) take(p *Prepared) error {
	s, err := v.chain.Take(p)
	if f := (*Fault)(nil); errors.As(err, &f) && f.Reason == Duplicate {
		return nil
	}
	if err != nil {
		return err
	}
	if err := CheckConduct(&s.Record); err != nil {
		return err
	}
	if field, at := concluded(&s.Record); field != "" && at < v.until {
		return v.chain.at(s, field, Missing, fmt.Sprintf("is %d: the manifest promised that no record of before %d comes after the one before", at, v.until))
	}
	if v.kinds[s.Kind]++; !p.unsigned || s.Kind == KindKeyRotation {
		v.signatures++
	}
	if s.Kind == KindGenesis {
		v.previous = s.PreviousHash
	}
	v.statements.Take(&s.Record)
	return v.compare()
}

// concluded is when a record says that something ended, and the field that says so.
func concluded(r *Record) (field string, at int64) {
	switch r.Kind {
	case KindCase:
		return "case.concluded_at", r.Case.ConcludedAt
	case KindAmendment:
		return "amendment.amended_at", r.Amendment.AmendedAt
	}
	return "", 0
}

// Checkpoint takes a checkpoint's note.
func (v *Verifier) Checkpoint(text []byte) error {
	cp, err := ParseCheckpoint(text)
	if err != nil {
		return v.chain.fault(err.(*Fault))
	}
	return v.promise(cp)
}

// Promise takes a head that stands in a manifest: of a size one at most.
func (v *Verifier) Promise(p Promise) error {
	if v.times == nil {
		v.times = map[int64]int64{}
	}
	v.times[p.Size] = p.Time
	return v.promise(Checkpoint{Ledger: p.Ledger, Size: p.Size, Root: p.Root})
}

func (v *Verifier) promise(cp Checkpoint) error {
	if cp.Ledger != v.chain.ledger || cp.Size < v.chain.Size() {
		return v.chain.Matches(cp)
	}
	i, _ := slices.BinarySearchFunc(v.promised, cp.Size, func(p Checkpoint, size int64) int { return cmp.Compare(p.Size, size) })
	v.promised = slices.Insert(v.promised, i, cp)
	return v.compare()
}

// compare opens the checkpoints that the ledger has come to. A signature is judged only now, as only now the key that
// may sign is certain.
func (v *Verifier) compare() error {
	for len(v.promised) > 0 && v.promised[0].Size == v.chain.Size() {
		if cp := v.promised[0]; cp.Note == nil {
			if err := v.chain.Matches(cp); err != nil {
				return err
			}
			v.until = v.times[cp.Size]
		} else if _, err := v.chain.Verify(cp.Note); err != nil {
			return err
		} else {
			v.checkpoints++
		}
		v.covered = v.chain.Size()
		v.promised = v.promised[1:]
	}
	return nil
}

// Finish says that there are no more records. A checkpoint that promises more is a fault.
func (v *Verifier) Finish() (Report, error) {
	c := v.chain
	if len(v.promised) > 0 {
		cp := v.promised[0]
		if cp.Note == nil {
			return Report{}, c.Matches(cp)
		}
		if _, err := OpenCheckpoint(cp.Note, keyAt(c.keys, c.Size())); err != nil {
			return Report{}, c.fault(err.(*Fault))
		}
		return Report{}, c.Matches(cp)
	}
	r := Report{Ledger: c.ledger, Records: c.Size(), Root: c.Root(), Last: c.Last(), Checkpoints: v.checkpoints, Covered: v.covered, Signatures: v.signatures,
		Duplicates: c.Skipped(Duplicate), Kinds: map[Kind]int64{}, Statements: v.statements, Previous: v.previous, Key: c.Key(c.Size())}
	for k, n := range v.kinds {
		if n > 0 {
			r.Kinds[Kind(k)] = n
		}
	}
	for _, fn := range v.finished {
		fn(r)
	}
	return r, nil
}

// String is what was checked and found, for people.
func (r Report) String() string {
	kinds := make([]string, 0, len(r.Kinds))
	for k := KindGenesis; k <= KindSeal; k++ {
		if n := r.Kinds[k]; n > 0 {
			kinds = append(kinds, fmt.Sprintf("%d %v", n, k))
		}
	}
	s := fmt.Sprintf("ledger %s: %d records (%s): encoding, chain, conduct and %d signatures checked; root %v; %d checkpoints over %d records",
		r.Ledger, r.Records, strings.Join(kinds, ", "), r.Signatures, r.Root, r.Checkpoints, r.Covered)
	if r.Previous != (Hash{}) {
		s += fmt.Sprintf("; it goes on after the seal %v of the generation before", r.Previous)
	}
	if r.Kinds[KindSeal] > 0 {
		s += "; it is sealed: this is its last root"
	}
	if r.Covered < r.Records {
		s += fmt.Sprintf("; the last %d are under no checkpoint, so records after them could be missing", r.Records-r.Covered)
	}
	return s
}

// Head is a ledger's size and root.
type Head struct {
	Ledger string
	Size   int64
	Root   Hash
}

// CombinedRoot is one hash for several ledgers, of each the newest generation: the Merkle tree's root (RFC 6962) over the leaves "ledger\nsize\nroot\n", the root
// in base64 as in a checkpoint, sorted by ledger.
func CombinedRoot(heads []Head) Hash {
	heads = slices.Clone(heads)
	slices.SortFunc(heads, func(a, b Head) int { return cmp.Compare(a.Ledger, b.Ledger) })
	var f Frontier
	for _, h := range heads {
		f.Append(LeafHash([]byte(Checkpoint{Ledger: h.Ledger, Size: h.Size, Root: h.Root}.Text())))
	}
	return f.Root()
}
