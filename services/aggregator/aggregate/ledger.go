package aggregate

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/services/aggregator/window"
)

// ledger is one partition: its chain, what is held until a checkpoint vouches for it, and its clock.
//
// Bodies are held as they come and folded only when a checkpoint asks for them, up to its size, without verifying each
// signature: the checkpoint's one signature stands for all of them. Where that does not work out, the bodies since the
// last checkpoint are read again with all signatures (verifying).
type ledger struct {
	partition int32
	*shared
	chain     *record.Chain // nil until the first checkpoint names the ledger
	base      record.Snapshot
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

// span is what the bodies say that are folded but not vouched for.
type span struct {
	facts     []window.Fact
	breaches  []breach
	policies  []policy
	rotations []string
}

func (s *span) add(partition int32, r *record.Record) {
	if f, ok := count(r); ok {
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
		if err := l.fold(cp.size); err != nil {
			return err
		}
		if l.chain.Size() < cp.size {
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

// fold extends the chain up to a size with what is held.
func (l *ledger) fold(size int64) error {
	for l.chain.Size() < size && l.folded < len(l.held) {
		body := l.held[l.folded]
		l.folded++
		accept := l.chain.AcceptUnverified
		if l.verifying {
			accept = l.chain.Accept
		}
		s, err := accept(body)
		if err == nil {
			l.span.add(l.partition, &s.Record)
		} else if err := l.refused(body, err); err != nil {
			return err
		}
	}
	return nil
}

// refused decides what a body that does not extend the chain means: nothing where nobody signed it or it is a duplicate;
// perhaps that an earlier one is not the signer's, so that all have to be read again; or that the ledger is broken.
func (l *ledger) refused(body []byte, err error) error {
	var f *record.Fault
	if !errors.As(err, &f) {
		return err
	}
	switch f.Reason {
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

// reread goes back to the last checkpoint, to read what came since with all signatures.
func (l *ledger) reread() {
	l.chain.Restore(l.base)
	l.folded, l.verifying = 0, true
	l.span.reset()
}

// count moves what a checkpoint vouches for into the windows, and the clock to its time.
func (l *ledger) count(cp *checkpoint) error {
	for i := range l.span.facts {
		f := &l.span.facts[i]
		if f.At < l.clock {
			return fmt.Errorf("ledger %s sequence %d: it is of %d, but an earlier checkpoint promised that nothing before %d was missing",
				l.chain.Ledger(), f.Sequence, f.At, l.clock)
		}
		if err := l.windows.Add(f); err != nil {
			return fmt.Errorf("ledger %s sequence %d: %w", l.chain.Ledger(), f.Sequence, err)
		}
	}
	for _, b := range l.span.breaches {
		l.breaches.add(b)
	}
	for _, p := range l.span.policies {
		if p.appliedAt < l.clock {
			return fmt.Errorf("ledger %s sequence %d: the policy is of %d, but an earlier checkpoint promised that nothing before %d was missing",
				l.chain.Ledger(), p.sequence, p.appliedAt, l.clock)
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
	l.base = l.chain.Snapshot()
	if window.Minute(cp.time) > window.Minute(l.clock) {
		l.heads = append(l.heads, *cp)
	}
	l.clock = cp.time
	return nil
}

// head is the first checkpoint at or after an end that the clock has reached. Ends rise from call to call.
func (l *ledger) head(end int64) *checkpoint {
	for l.heads[0].time < end {
		l.heads = l.heads[1:]
	}
	return &l.heads[0]
}
