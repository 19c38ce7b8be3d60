package insert

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// Head is a checkpoint whose records are all in ClickHouse: a row of the table checkpoints.
type Head struct {
	Partition     int32
	Ledger        string
	Size          int64
	Time          int64 // milliseconds since 1970
	Root          record.Hash
	Frontier      []record.Hash
	Note          string
	Key           string // the verifier key that opened the note
	Offset        int64  // of the checkpoint in conduct.checkpoints
	RecordsOffset int64  // in conduct.records, after the last of its records
}

// Block is what is inserted at once: the records between two consecutive checkpoints, perhaps none, and the later one.
// Whoever reads the same topics makes the same blocks.
type Block struct {
	From int64 // the first record's sequence
	Rows *Rows // good until the next call to the Fold
	Last record.Hash
	Head Head
}

// Token names the block by ledger, range and last record: the same token never stands before other rows.
func (b *Block) Token() string {
	return fmt.Sprintf("%s/%d-%d/%s", b.Head.Ledger, b.From, b.Head.Size-1, hex.EncodeToString(b.Last[:]))
}

// ErrContradiction says that two signed or stored facts about a ledger exclude each other. A human must look.
var ErrContradiction = errors.New("contradiction about a ledger")

// Fold turns one partition of conduct.records and conduct.checkpoints into blocks. It is pure: no I/O, no clock. The two
// topics may come in any order between them. It holds the records that no checkpoint covers yet, and nothing else.
type Fold struct {
	partition int32
	prefix    string // what the names of the partition's ledgers begin with
	trusted   []note.Verifier
	keys      map[uint32]string // verifier keys as text, by id
	chain     *record.Chain
	key, next note.Verifier // that of the last record; that of the next one
	sealed    bool
	head      Head
	rows      Rows
	ahead     []entry          // read, and not in the chain yet
	taken     []entry          // read since the last block, should they have to be read again
	heads     []heading        // checkpoints that are not reached yet
	before    saved            // at the last block
	strict    bool             // a body that nobody signed has slipped in: verify each
	Skipped   map[string]int64 // records and checkpoints that were not taken, by reason
}

type entry struct {
	body   []byte
	offset int64
}

type heading struct {
	schemas.Checkpoint
	offset int64
	opened bool // its note was verified, as cp
	cp     record.Checkpoint
}

type saved struct {
	chain     record.Snapshot
	key, next note.Verifier
	sealed    bool
}

// NewFold makes the fold of a partition, whose ledgers are named prefix/partition/generation. vkeys are the verifier keys that are trusted, in the order in which they came to
// be valid: the one that signed the ledger's first record, and those that replaced it, as far as they are known.
func NewFold(prefix string, partition int32, vkeys []string) (*Fold, error) {
	f := &Fold{partition: partition, prefix: fmt.Sprintf("%s/%d/", prefix, partition), keys: map[uint32]string{}, Skipped: map[string]int64{}}
	if len(vkeys) == 0 {
		return nil, errors.New("no verifier key of the ledger is given")
	}
	for _, k := range vkeys {
		if err := f.trust(k); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *Fold) trust(vkey string) error {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return fmt.Errorf("verifier key %q: %w", vkey, err)
	}
	if _, ok := f.keys[v.KeyHash()]; !ok {
		f.keys[v.KeyHash()] = vkey
		f.trusted = append(f.trusted, v)
	}
	return nil
}

// Resume goes on after a head that ClickHouse has, whose last record's body is last.
func (f *Fold) Resume(h Head, last []byte) error {
	if err := f.trust(h.Key); err != nil {
		return fmt.Errorf("ledger %s in ClickHouse at size %d: %w", h.Ledger, h.Size, err)
	}
	cp, v, err := f.open([]byte(h.Note))
	if err != nil {
		return fmt.Errorf("%w: the checkpoint in ClickHouse: %w", ErrContradiction, err)
	}
	if !strings.HasPrefix(cp.Ledger, f.prefix) {
		return fmt.Errorf("%w: ClickHouse has ledger %s, this partition's is %s*", ErrContradiction, cp.Ledger, f.prefix)
	}
	if cp.Ledger != h.Ledger || cp.Size != h.Size || cp.Root != h.Root {
		return fmt.Errorf("%w: ClickHouse has %s at size %d, root %v, beside a note that says %s at size %d, root %v",
			ErrContradiction, h.Ledger, h.Size, h.Root, cp.Ledger, cp.Size, cp.Root)
	}
	f.chain, err = record.ResumeChain(cp, h.Frontier, last, v)
	if err != nil {
		return fmt.Errorf("%w: the last record in ClickHouse: %w", ErrContradiction, err)
	}
	f.key, f.next, f.head = v, v, h
	if cp.Size > 0 {
		s, err := record.Decode(last)
		if err != nil {
			return fmt.Errorf("%w: the last record in ClickHouse: %w", ErrContradiction, err)
		}
		f.follow(&s)
	}
	f.save()
	return nil
}

// Head is the last block's; false where there was none.
func (f *Fold) Head() (Head, bool) { return f.head, f.chain != nil && f.head.Ledger != "" }

// Record takes the next record of conduct.records. It keeps body.
func (f *Fold) Record(body []byte, offset int64) { f.ahead = append(f.ahead, entry{body, offset}) }

// Checkpoint takes the next checkpoint of conduct.checkpoints.
func (f *Fold) Checkpoint(m schemas.Checkpoint, offset int64) {
	f.heads = append(f.heads, heading{Checkpoint: m, offset: offset})
}

// Waiting tells how many records and checkpoints are held.
func (f *Fold) Waiting() (records, checkpoints int) { return len(f.ahead) + len(f.taken), len(f.heads) }

// open verifies a note under the keys that are trusted by now, the one in force first.
func (f *Fold) open(text []byte) (record.Checkpoint, note.Verifier, error) {
	var first error
	for _, v := range append([]note.Verifier{f.next}, f.trusted...) {
		if v == nil {
			continue
		}
		cp, err := record.OpenCheckpoint(text, v)
		if err == nil {
			return cp, v, nil
		}
		if first == nil {
			first = err
		}
	}
	return record.Checkpoint{}, nil, first
}

// follow remembers what a record changes for those that follow.
func (f *Fold) follow(s *record.Signed) {
	f.key, f.sealed = f.next, s.Kind == record.KindSeal
	if s.Kind == record.KindKeyRotation {
		if v, err := note.NewVerifier(s.Rotation.PublicKey); err == nil { // the chain has parsed it
			f.next = v
			f.keys[v.KeyHash()] = s.Rotation.PublicKey
		}
	}
}

func (f *Fold) save() {
	f.before = saved{f.chain.Snapshot(), f.key, f.next, f.sealed}
	clear(f.taken)
	f.taken = f.taken[:0]
	f.rows.Reset()
	f.strict = false
}

func (f *Fold) skip(err error) {
	var fault *record.Fault
	if errors.As(err, &fault) {
		f.Skipped[fault.Reason.String()]++
		return
	}
	f.Skipped["other"]++
}
