package record

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// LedgerName is the name of a partition's ledger: deployment/environment, which prefix is, then the partition and the generation, from 1 on.
func LedgerName(prefix string, partition, generation int32) string {
	return fmt.Sprintf("%s/%d/%d", prefix, partition, generation)
}

// Deployment is what the names of a deployment's ledgers begin with: a ledger's name without partition and generation; "" where that is nothing.
func Deployment(ledger string) string {
	parts := strings.Split(ledger, "/")
	return strings.Join(parts[:max(0, len(parts)-2)], "/")
}

// Generation splits a ledger's name, prefix/generation: a decimal number of 1 to 9 digits, the first of them not 0; 0 where it has none.
func Generation(ledger string) (prefix string, generation int32) {
	i := strings.LastIndexByte(ledger, '/')
	n, err := strconv.ParseInt(ledger[i+1:], 10, 32)
	if err != nil || n < 1 || n > 999_999_999 || strconv.FormatInt(n, 10) != ledger[i+1:] {
		return ledger, 0
	}
	return ledger[:max(i, 0)], int32(n)
}

// Next makes the empty chain of the next generation, which goes on where this one was sealed: its genesis record names the
// seal's leaf hash, the key that signs now is its first one, and its sources come after the seal's.
func (c *Chain) Next() (*Chain, error) {
	name, generation := Generation(c.ledger)
	if !c.sealed || generation == 0 {
		return nil, c.fault(&Fault{Field: "kind", Reason: WrongKind, Detail: "the ledger is not sealed, or its name has no generation"})
	}
	next, err := NewChain(fmt.Sprintf("%s/%d", name, generation+1), c.Key(c.Size()))
	if err != nil {
		return nil, err
	}
	next.later, next.last, next.source, next.revoked = false, c.last, c.source, c.revoked
	return next, nil
}

// Generations are the chains of one ledger's generations that stand in one log, from old to new: for a reader that comes from one to
// the next. The last one may be empty.
type Generations []*Chain

// Of is the chain that judges what names a ledger: the generation of that name, which an older one may be, as a log may hold copies; otherwise
// the newest one, or, where that is sealed, the next, which is added.
func (g *Generations) Of(ledger string) *Chain {
	for i := len(*g) - 1; i >= 0; i-- {
		if c := (*g)[i]; c.ledger == ledger {
			return c
		}
	}
	newest := (*g)[len(*g)-1]
	if next, err := newest.Next(); err == nil {
		*g = append(*g, next)
		return next
	}
	return newest
}

// Newest is the newest generation that has a record; the first one where none has.
func (g Generations) Newest() *Chain {
	if n := len(g); n > 1 && g[n-1].Size() == 0 {
		return g[n-2]
	}
	return g[len(g)-1]
}

// Sort puts what is of several ledgers in the order in which they are verified: the generations of one from old to new, and otherwise
// as they stand.
func Sort[T any](things []T, ledger func(T) string) {
	place := map[string]int{}
	for i, t := range things {
		prefix, _ := Generation(ledger(t))
		if _, ok := place[prefix]; !ok {
			place[prefix] = i
		}
	}
	slices.SortStableFunc(things, func(a, b T) int {
		p, m := Generation(ledger(a))
		q, n := Generation(ledger(b))
		return cmp.Or(cmp.Compare(place[p], place[q]), cmp.Compare(m, n))
	})
}
