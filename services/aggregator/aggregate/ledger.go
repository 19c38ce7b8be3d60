package aggregate

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/services/aggregator/window"
)

// ledger is one partition: its chain, which goes on after a seal with the next generation's, what is held until a checkpoint vouches for it, and its clock.
//
// Bodies are held as they come and folded only when a checkpoint asks for them, up to its size, without verifying each
// signature: the checkpoint's one signature stands for all of them. Where that does not work out, the bodies since the
// last checkpoint are read again with all signatures (verifying).
type ledger struct {
	partition int32
	*shared
	chain     *record.Chain // nil until the first checkpoint names the ledger
	eras      []era         // the generations so far; the last one is the chain's
	base      base
	verifying bool
	held      [][]byte // bodies since base, in the order of the topic
	folded    int      // how many of held the chain has seen
	arena     []byte
	span      span
	keys      keyring
	waiting   []checkpoint // those that change something, in the order of the topic
	last      checkpoint   // the last of these that came
	heads     []checkpoint // those counted that are the first of their minute and may yet be the head of an end
	clock     int64        // up to when (milliseconds, exclusive) everything is counted
}

// era is a generation of the partition's ledgers.
type era struct {
	ledger     string
	generation int32
	before     int64 // how many records the earlier ones have
}

// base is where the last checkpoint was.
type base struct {
	chain *record.Chain
	state record.Snapshot
	eras  int
}

// span is what the bodies say that are folded but not vouched for.
type span struct {
	facts     []window.Fact
	breaches  []breach
	policies  []policy
	rotations []string
}

func (s *span) add(partition int32, r *record.Record, before int64) {
	if f, ok := count(r); ok {
		f.Sequence += before
		s.facts = append(s.facts, f)
	}
	if b, ok := breachOf(partition, r); ok {
		s.breaches = append(s.breaches, b)
	}
	switch r.Kind {
	case record.KindKeyRotation:
		s.rotations = append(s.rotations, r.Rotation.PublicKey)
	case record.KindPolicy:
		s.policies = append(s.policies, policy{ledger: r.Ledger, sequence: r.Sequence, appliedAt: r.Policy.AppliedAt, document: r.Policy.Document})
	}
}

func (s *span) reset() {
	s.facts, s.breaches, s.policies, s.rotations = s.facts[:0], s.breaches[:0], s.policies[:0], s.rotations[:0]
}

func newLedger(partition int32, s *shared) *ledger {
	return &ledger{partition: partition, shared: s, keys: keyring{s.trust.Key}, clock: math.MinInt64}
}

// hold takes a record's body. It copies it, since the input's bytes are the caller's.
func (l *ledger) hold(body []byte) error {
	if len(body) > record.MaxBody {
		return nil // no reader takes it
	}
	if cap(l.arena)-len(l.arena) < len(body) {
		l.arena = make([]byte, 0, max(arenaSize, len(body)))
	}
	from := len(l.arena)
	l.arena = append(l.arena, body...)
	l.held = append(l.held, l.arena[from:len(l.arena):len(l.arena)])
	return l.settle()
}

// settle counts what checkpoints vouch for, as far as the records that they cover are there.
func (l *ledger) settle() error {
	for len(l.waiting) > 0 {
		cp := &l.waiting[0]
		if err := l.fold(cp.extent); err != nil {
			return err
		}
		if l.extent().before(cp.extent) {
			return nil // the rest is still to come
		}
		if err := l.match(cp); err != nil {
			if l.verifying {
				return err
			}
			l.reread()
			continue
		}
		if err := l.count(cp); err != nil {
			return err
		}
		l.waiting = l.waiting[1:]
	}
	return nil
}

// begin begins with a chain.
func (l *ledger) begin(c *record.Chain, generation int32) {
	l.chain, l.eras = c, []era{{c.Ledger(), generation, 0}}
	l.base = base{c, c.Snapshot(), 1}
}

// era is the chain's.
func (l *ledger) era() *era { return &l.eras[len(l.eras)-1] }

func (l *ledger) extent() extent { return extent{l.era().generation, l.chain.Size()} }

// fold extends the chain so far with what is held.
func (l *ledger) fold(to extent) error {
	for l.extent().before(to) && l.folded < len(l.held) {
		body := l.held[l.folded]
		l.folded++
		s, err := l.accept(body)
		if err == nil {
			l.span.add(l.partition, &s.Record, l.era().before)
		} else if err := l.refused(body, err); err != nil {
			return err
		}
	}
	return nil
}

// accept gives the chain a body; after a seal it begins the next generation's with it.
func (l *ledger) accept(body []byte) (*record.Signed, error) {
	if l.chain.Sealed() && !inject.SealIsTheEnd.Is() {
		next, err := l.chain.Next()
		if err != nil {
			return nil, err
		}
		s, err := l.take(next, body)
		if f := (*record.Fault)(nil); !errors.As(err, &f) || f.Reason != record.OtherLedger {
			if err == nil {
				l.eras = append(l.eras, era{next.Ledger(), l.era().generation + 1, l.era().before + l.chain.Size()})
				l.chain = next
			}
			return s, err
		}
	}
	return l.take(l.chain, body)
}

func (l *ledger) take(c *record.Chain, body []byte) (*record.Signed, error) {
	if l.verifying {
		return c.Accept(body)
	}
	return c.AcceptUnverified(body)
}

// refused decides what a body that does not extend the chain means: nothing where nobody signed it or it is a duplicate;
// perhaps that an earlier one is not the signer's, so that all have to be read again; or that the ledger is broken.
func (l *ledger) refused(body []byte, err error) error {
	var f *record.Fault
	if !errors.As(err, &f) {
		return err
	}
	switch f.Reason {
	case record.OtherLedger:
		if !l.begins(body) {
			return nil
		}
	case record.Gap, record.BrokenChain, record.WrongKind, record.SourceNotAbove, record.Equivocation, record.Contested:
	default:
		return nil
	}
	if !l.verifying {
		l.reread()
		return nil
	}
	if f.Reason == record.Equivocation || l.keys.signed(body) {
		return f
	}
	return nil
}

// begins tells whether a body begins the next generation: where this one has no seal, that is missing.
func (l *ledger) begins(body []byte) bool {
	s, err := record.Decode(body)
	if err != nil || s.Kind != record.KindGenesis {
		return false
	}
	generation, err := l.trust.ledger(s.Ledger, l.partition)
	return err == nil && generation == l.era().generation+1
}

// reread goes back to the last checkpoint, to read what came since with all signatures.
func (l *ledger) reread() {
	l.chain, l.eras = l.base.chain, l.eras[:l.base.eras]
	l.chain.Restore(l.base.state)
	l.folded, l.verifying = 0, true
	l.span.reset()
}

// count moves what a checkpoint vouches for into the windows, and the clock to its time.
func (l *ledger) count(cp *checkpoint) error {
	for i := range l.span.facts {
		f := &l.span.facts[i]
		if f.At < l.clock {
			return fmt.Errorf("%s: it is of %d, but an earlier checkpoint promised that nothing before %d was missing", l.name(f.Sequence), f.At, l.clock)
		}
		if err := l.windows.Add(f); err != nil {
			return fmt.Errorf("%s: %w", l.name(f.Sequence), err)
		}
	}
	for _, b := range l.span.breaches {
		l.breaches.add(b)
	}
	for _, p := range l.span.policies {
		if p.appliedAt < l.clock {
			return fmt.Errorf("ledger %s sequence %d: the policy is of %d, but an earlier checkpoint promised that nothing before %d was missing",
				p.ledger, p.sequence, p.appliedAt, l.clock)
		}
		p.document = strings.Clone(p.document)
		l.standing.add(l.partition, p)
	}
	for _, k := range l.span.rotations {
		l.keys.add(k)
	}
	l.span.reset()
	n := copy(l.held, l.held[l.folded:])
	clear(l.held[n:])
	l.held, l.folded, l.verifying = l.held[:n], 0, false
	l.base = base{l.chain, l.chain.Snapshot(), len(l.eras)}
	if window.Minute(cp.time) > window.Minute(l.clock) {
		l.heads = append(l.heads, *cp)
	}
	l.clock = cp.time
	return nil
}

// name names a record by its place among all of the partition's.
func (l *ledger) name(place int64) string {
	i := len(l.eras) - 1
	for l.eras[i].before > place {
		i--
	}
	return fmt.Sprintf("ledger %s sequence %d", l.eras[i].ledger, place-l.eras[i].before)
}

// head is the first checkpoint at or after an end that the clock has reached. Ends rise from call to call.
func (l *ledger) head(end int64) *checkpoint {
	for l.heads[0].time < end {
		l.heads = l.heads[1:]
	}
	return &l.heads[0]
}
