package verify

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// ledger is one partition's, through all its generations, and what the later checks need of it.
type ledger struct {
	partition int32
	chains    record.Generations  // none until a record or a checkpoint names the first one
	leaves    map[string][]uint64 // of each record the beginning of its hash, to tell a copy from a second history
	taken     int64               // records of all generations
	covered   int64               // those under a checkpoint
	heads     []head              // by generation and size: every size that a checkpoint has
	began     int64               // the time of the first checkpoint
	time      int64               // of the latest one
	points    *cursor
	point     schemas.Checkpoint // the next one, where points.ok
	opened    bool               // its signature has been verified
	note      record.Checkpoint  // the last one whose signature was
	copies    int64
	erased    int64        // when its last erasure says it was, 0 before the first one; while a record is in hand, without it
	said      *conclusions // what the router said; nil unless Deep
	conduct   conduct      // empty unless Deep
}

// head is a checkpoint: the last one of its size.
type head struct {
	of         int // the generation, by its place in chains
	size, time int64
	root       record.Hash
}

// head is the newest one.
func (l *ledger) head() (head, bool) {
	if len(l.heads) == 0 {
		return head{}, false
	}
	return l.heads[len(l.heads)-1], true
}

// at is the head of a generation at a size.
func (l *ledger) at(name string, size int64) (head, bool) {
	of := l.generation(name)
	i, ok := slices.BinarySearchFunc(l.heads, size, func(h head, size int64) int { return cmp.Or(cmp.Compare(h.of, of), cmp.Compare(h.size, size)) })
	if !ok {
		return head{}, false
	}
	return l.heads[i], true
}

// passed is the first head at or after a time.
func (l *ledger) passed(time int64) (head, bool) {
	i, _ := slices.BinarySearchFunc(l.heads, time, func(h head, time int64) int { return cmp.Compare(h.time, time) })
	if i == len(l.heads) {
		return head{}, false
	}
	return l.heads[i], true
}

// newest is the newest generation that has a record.
func (l *ledger) newest() *record.Chain { return l.chains.Newest() }

// due is the generation that the next record is of: after a seal, the next one.
func (l *ledger) due() *record.Chain {
	c := l.newest()
	if next, err := c.Next(); err == nil {
		return next
	}
	return c
}

// generation is the place of a name; -1 where it is none of the ledger's.
func (l *ledger) generation(name string) int {
	for i := len(l.chains) - 1; i >= 0; i-- {
		if l.chains[i].Ledger() == name {
			return i
		}
	}
	return -1
}

// follows tells whether a name is that of a later generation of another one.
func follows(later, earlier string) bool {
	a, m := record.Generation(later)
	b, n := record.Generation(earlier)
	return a == b && m > n
}

// judges gives the chain that judges what names a ledger.
func (l *ledger) judges(name string) *record.Chain {
	if _, g := record.Generation(name); inject.GenerationUnlinked.Is() && g > 1 && l.newest().Sealed() && l.generation(name) < 0 {
		if c, err := record.NewChain(name, l.newest().Key(l.newest().Size())); err == nil {
			l.chains = append(l.chains, c)
		}
	}
	return l.chains.Of(name)
}

// sealedUnder: whoever signs a later generation's head has signed the last one of each before it.
func (v *run) sealedUnder(l *ledger, of int) {
	last, any := l.head()
	for g := last.of; g < of; g++ {
		c := l.chains[g]
		if size := last.size; c.Size() > 0 && (!any || g != last.of || size < c.Size()) {
			v.i2.fault("%s sequence %d: it is sealed, but no checkpoint covers that; the next one is of %s", c.Ledger(), c.Size()-1, l.point.Ledger)
		}
	}
}

// sealed are the generations that were sealed, by their last heads.
func (v *run) sealed() (out []record.Head) {
	for i := range v.ledgers {
		for _, c := range v.ledgers[i].chains {
			if c.Sealed() {
				out = append(out, record.Head{Ledger: c.Ledger(), Size: c.Size(), Root: c.Root()})
			}
		}
	}
	return out
}

// place names the n-th record of a ledger.
func (l *ledger) place(n int) (name string, sequence int) {
	for i := len(l.conduct.begins) - 1; i >= 0; i-- {
		if at := l.conduct.begins[i]; at <= n {
			return l.chains[i].Ledger(), n - at
		}
	}
	return l.newest().Ledger(), n
}

// begin names the ledger. Each partition has one of its own, and all have one prefix.
func (v *run) begin(l *ledger, name string) error {
	if p, _ := record.Generation(name); p != fmt.Sprintf("%s/%d", record.Deployment(name), l.partition) {
		v.i2.fault("%s/%d holds ledger %s, which by its name is not this partition's", pipelines.ConductRecords, l.partition, name)
	}
	if _, g := record.Generation(name); g > 1 {
		v.i2.note("%s/%d begins with ledger %s; what came before that is not there", pipelines.ConductRecords, l.partition, name)
	}
	for i := range v.ledgers {
		if o := &v.ledgers[i]; o.chains != nil && record.Deployment(o.newest().Ledger()) != record.Deployment(name) {
			v.i2.fault("%s/%d holds ledger %s, partition %d holds %s: they are not of one deployment", pipelines.ConductRecords, l.partition, name, i, o.newest().Ledger())
			break
		}
	}
	c, err := record.NewChain(name, v.Trusted)
	if err != nil {
		return err
	}
	for _, r := range v.Revoked {
		c.Revoke(r)
	}
	l.chains, l.leaves = record.Generations{c}, map[string][]uint64{}
	return nil
}
