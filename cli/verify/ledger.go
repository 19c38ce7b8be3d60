package verify

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
)

// frame is the size of the wire format's header.
const frame = 5

// readLedgers is I2: it folds every partition of conduct.records by the reader's rule with every signature checked, holds
// it against every checkpoint and, if Deep, against what the router said.
func (v *run) readLedgers() error {
	n, err := v.Topics.Partitions(v.ctx, pipelines.ConductRecords)
	if err != nil {
		return err
	}
	v.ledgers = make([]ledger, n)
	for p := range v.ledgers {
		l := &v.ledgers[p]
		l.partition = int32(p)
		if err := v.readLedger(l); err != nil {
			return err
		}
		if p == 0 {
			v.until = l.time
		}
		v.until = min(v.until, l.time)
	}
	return nil
}

// readLedger begins with the checkpoints: records may come while it reads, but not a checkpoint without its records.
func (v *run) readLedger(l *ledger) error {
	l.points = v.open(stage.TopicPartition{Topic: pipelines.ConductCheckpoints, Partition: l.partition}, &v.i2)
	defer l.close()
	v.nextPoint(l)
	v.reached(l)
	tp := stage.TopicPartition{Topic: pipelines.ConductRecords, Partition: l.partition}
	ahead := record.NewAhead((*message).work, func(m *message) error { return v.body(l, m) })
	_, err := v.Topics.Read(v.ctx, tp, func(r stage.Record) error {
		if l.chains == nil && !v.named(l, r) {
			return nil
		}
		m, err := ahead.Next()
		if err == nil {
			m.Record = r
			l.newest().Load(&m.Prepared, r.Value[min(frame, len(r.Value)):], v.NoSignatures)
		}
		return err
	})
	err = cmp.Or(ahead.Finish(), err)
	v.copies[tp] = l.copies
	if err = cmp.Or(err, l.points.err); err != nil {
		return fmt.Errorf("read %s/%d: %w", tp.Topic, tp.Partition, err)
	}
	for ; l.points.ok; v.nextPoint(l) {
		if h, ok := l.at(l.point.Ledger, l.point.Size); !ok || h.root != record.Hash(l.point.Root) {
			v.i2.fault("%s: a checkpoint promises %d records; the ledger is shorter", l.point.Ledger, l.point.Size)
		}
	}
	return v.rest(l)
}

// close ends the reading beside, and keeps what the other checks need.
func (l *ledger) close() {
	l.points.stop()
	if l.said != nil {
		l.said.stop()
	}
	l.points, l.said, l.leaves = nil, nil, nil
}

// message is one of conduct.records.
type message struct {
	stage.Record
	record.Prepared
	sum uint64
}

// work is what needs no other message.
func (m *message) work() {
	m.Prepare()
	m.sum = maphash.Bytes(seed, m.Value)
}

// named has the first record name the ledger.
func (v *run) named(l *ledger, r stage.Record) bool {
	if len(r.Value) < frame {
		v.i2.fault("%s/%d offset %d: not a record", r.Topic, r.Partition, r.Offset)
		return false
	}
	first, err := record.Decode(r.Value[frame:])
	if err == nil {
		err = v.begin(l, first.Ledger)
	}
	if err != nil {
		v.i2.fault("%s/%d offset %d: %v", r.Topic, r.Partition, r.Offset, err)
	}
	return err == nil
}

// body takes the next message of conduct.records.
func (v *run) body(l *ledger, m *message) error {
	r, sum := &m.Record, m.sum
	if len(r.Value) < frame {
		v.i2.fault("%s/%d offset %d: not a record", r.Topic, r.Partition, r.Offset)
		return nil
	}
	s, err := l.judges(m.Ledger).Take(&m.Prepared)
	if f := (*record.Fault)(nil); errors.As(err, &f) {
		if known := l.leaves[f.Ledger]; f.Reason == record.Duplicate || f.Reason == record.Stale && f.Sequence < int64(len(known)) && known[f.Sequence] == sum {
			l.copies++
			return nil
		}
		v.i2.fault("%s/%d offset %d: %v", r.Topic, r.Partition, r.Offset, err)
		return nil
	}
	l.leaves[s.Ledger] = append(l.leaves[s.Ledger], sum)
	l.taken++
	if v.i2.Count++; v.i2.Count%100 == 0 {
		v.Progress("records", 100)
	}
	if err := record.CheckConduct(&s.Record); err != nil {
		v.i2.fault("%v", err)
	}
	if at, ok := recordedAt(&s.Record); ok && at < l.time {
		v.i2.fault("%s sequence %d: it is of %s, but a checkpoint before it promised that nothing before %s was missing", s.Ledger, s.Sequence, clock(at), clock(l.time))
	}
	v.statements.Take(&s.Record)
	if v.Deep {
		l.conduct.keep(&s.Record)
		if err := v.signed(l, s); err != nil {
			return err
		}
	} else if v.MetricsOnly {
		v.recorded.Add(&s.Record)
	}
	if s.Kind == record.KindErasure {
		if s.Erasure.ErasedAt <= l.erased {
			v.i2.fault("%s sequence %d: it is of an erasure of %s, and one of %s stands before it: an order was followed that somebody had played again", s.Ledger, s.Sequence, clock(s.Erasure.ErasedAt), clock(l.erased))
		}
		l.erased = s.Erasure.ErasedAt
	}
	v.reached(l)
	return nil
}

// recordedAt is when what a record says was concluded.
func recordedAt(r *record.Record) (int64, bool) {
	switch r.Kind {
	case record.KindCase:
		return r.Case.ConcludedAt, true
	case record.KindAmendment:
		return r.Amendment.AmendedAt, true
	}
	return 0, false
}

// nextPoint goes to the next checkpoint that can be one. Notes come in runs that are alike, and are opened once.
func (v *run) nextPoint(l *ledger) {
	bad := func(format string, a ...any) {
		v.i2.fault("%s/%d offset %d: "+format, append([]any{pipelines.ConductCheckpoints, l.partition, l.points.head.Offset}, a...)...)
	}
	if l.point.Ledger != "" {
		l.points.advance()
	}
	for ; l.points.ok; l.points.advance() {
		before := l.point
		if err := v.Codec.DecodeInto(l.points.head.Value, &l.point); err != nil {
			bad("%v", err)
			continue
		}
		l.opened = l.point.Note == string(l.note.Note)
		if !l.opened {
			cp, err := record.OpenCheckpoint([]byte(l.point.Note), v.Trusted)
			if f := (*record.Fault)(nil); errors.As(err, &f) && f.Reason != record.UnknownKey { // a later key may come to be known
				bad("%v", err)
				continue
			}
			if l.opened = err == nil; l.opened {
				l.note = cp
			}
		}
		if l.opened && (l.note.Size != l.point.Size || l.note.Ledger != l.point.Ledger || l.note.Root != record.Hash(l.point.Root)) {
			bad("the message says %d records of %s, its note %d of %s", l.point.Size, l.point.Ledger, l.note.Size, l.note.Ledger)
			continue
		}
		if l.point.Partition != l.partition {
			bad("it is of partition %d", l.point.Partition)
		}
		switch same := l.point.Ledger == before.Ledger; {
		case before.Ledger == "":
		case same && l.point.Size < before.Size, l.point.Time < before.Time:
			bad("%s goes back from %d records at %s to %d at %s", l.point.Ledger, before.Size, clock(before.Time), l.point.Size, clock(l.point.Time))
		case !same && !follows(l.point.Ledger, before.Ledger):
			bad("%s comes after %s", l.point.Ledger, before.Ledger)
		}
		if h, ok := l.at(l.point.Ledger, l.point.Size); ok && h.root != record.Hash(l.point.Root) {
			bad("%s has two roots for its first %d records: a split view", l.point.Ledger, h.size)
		}
		return
	}
}

// reached compares the ledger with the checkpoints of its size.
func (v *run) reached(l *ledger) {
	for ; l.points.ok; v.nextPoint(l) {
		if l.chains == nil {
			if err := v.begin(l, l.point.Ledger); err != nil {
				v.i2.fault("%v", err)
				continue
			}
		}
		c := l.newest()
		if follows(l.point.Ledger, c.Ledger()) || l.point.Ledger == c.Ledger() && l.point.Size > c.Size() {
			return
		}
		if of := l.generation(l.point.Ledger); of >= 0 && (l.point.Ledger != c.Ledger() || l.point.Size < c.Size()) {
			if n := l.chains[of].Size(); l.point.Size > n {
				v.i2.fault("%s: a checkpoint promises %d records; it was sealed at %d", l.point.Ledger, l.point.Size, n)
			}
			continue // it went back, and is a fault already
		}
		var err error
		if l.opened {
			err = c.Matches(record.Checkpoint{Ledger: l.point.Ledger, Size: l.point.Size, Root: record.Hash(l.point.Root)})
		} else {
			_, err = c.Verify([]byte(l.point.Note))
		}
		if err != nil {
			v.i2.fault("%v", err)
			continue
		}
		if l.point.ErasedAt != l.erased {
			v.i2.fault("%s/%d offset %d: it says that the last erasure in the first %d records of %s is of %s; it is of %s", pipelines.ConductCheckpoints, l.partition, l.points.head.Offset,
				c.Size(), c.Ledger(), clock(l.point.ErasedAt), clock(l.erased))
		}
		v.keepHead(l, c)
	}
}

// keepHead keeps the checkpoint in hand, which is one of the newest generation.
func (v *run) keepHead(l *ledger, c *record.Chain) {
	if len(l.heads) == 0 {
		l.began = l.point.Time
	}
	l.time = max(l.time, l.point.Time)
	h := head{l.generation(c.Ledger()), c.Size(), l.time, c.Root()}
	v.sealedUnder(l, h.of)
	if last, ok := l.head(); ok && last.of == h.of && last.size == h.size {
		l.heads[len(l.heads)-1] = h
	} else {
		l.heads = append(l.heads, h)
	}
	l.covered = l.taken
}

// maxUncovered is how many records a ledger may have before a checkpoint covers them: as many as make one due, and what a
// step may write beside it.
const maxUncovered = 10_000 + 2_000

// rest looks at what no checkpoint covers, and at what the router has said beyond the ledger.
func (v *run) rest(l *ledger) error {
	if n := l.taken - l.covered; n > maxUncovered {
		v.i2.fault("%s: %d records after the last checkpoint, which a checkpoint should have covered", l.newest().Ledger(), n)
	}
	if !v.Deep {
		return nil
	}
	return v.unsigned(l)
}
