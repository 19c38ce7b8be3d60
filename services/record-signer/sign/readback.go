package sign

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// logged is a checkpoint that stands in conduct.checkpoints; size 0 without a note is the beginning of the first ledger.
type logged struct {
	cp       record.Checkpoint
	time     int64
	frontier []record.Hash
	erased   int64
	at       stage.Position // of the input that it was issued at
}

// tail is what the log has of the ledgers.
type tail struct {
	base   logged         // the newest checkpoint whose records are all there
	newest logged         // the newest one
	start  point          // at base
	end    point          // folded to the end; its chain is nil while base is looked for
	first  stage.Position // of the first record after base
	more   bool           // there is one
}

// beginning is where the first ledger begins.
func (s *Signer) beginning() logged { return logged{cp: record.Checkpoint{Ledger: s.name(first)}} }

// readBack finds the newest checkpoint whose last record is in the log and folds what follows it.
func (s *Signer) readBack(log stage.Log, outside record.Checkpoint) (tail, error) {
	most := extent{math.MaxInt32, math.MaxInt64} // a hint that spares looking for records that are gone
	last, ok, err := log.Last(s.tp(pipelines.ConductRecords), pipelines.RecordSigner, s.partition)
	if err != nil {
		return tail{}, err
	}
	if !ok {
		most = extent{first, 0}
	} else if e := s.covers(last); e.generation > 0 {
		most = e
	}
	newest, candidates, err := s.logged(log, most)
	if err != nil {
		return tail{}, err
	}
	for i := len(candidates) - 1; i >= 0; i-- {
		if to(candidates[i].cp).compare(most) > 0 {
			continue
		}
		t, err := s.fold(log, candidates[i], last.Offset, outside)
		if t.newest = newest; t.end.chain != nil || err != nil {
			return t, err
		}
	}
	return tail{}, fmt.Errorf("ledger %s: no checkpoint's last record is in conduct.records: %w", s.name(max(first, to(newest.cp).generation)), ErrLost)
}

// logged reads this signer's checkpoints back from the end until one has at most so many records, and returns them
// from old to new; the first ledger's beginning is the oldest one.
func (s *Signer) logged(log stage.Log, most extent) (newest logged, all []logged, err error) {
	tp := s.tp(pipelines.ConductCheckpoints)
	last, ok, err := log.Last(tp, pipelines.RecordSigner, s.partition)
	if err != nil || !ok {
		return logged{}, []logged{s.beginning()}, err
	}
	var fault error
	for window := int64(64); ; window *= 8 {
		from := max(0, last.Offset-window)
		all, fault = all[:0], nil
		if from == 0 {
			all = append(all, s.beginning())
		}
		_, err := log.Read(tp, from, func(rec stage.Record) error {
			if rec.Stage != pipelines.RecordSigner || rec.Position.Partition != s.partition {
				return nil
			}
			l, err := s.checkpointOf(rec)
			switch e := to(l.cp); {
			case err != nil:
				fault = err
			case e.generation > first && e.size == 1: // whoever goes on after a genesis record alone does not know the seal's source
				if e.compare(to(newest.cp)) > 0 {
					newest = l
				}
			default:
				all = append(all, l)
			}
			return nil
		})
		if err != nil {
			return logged{}, nil, err
		}
		n := len(all)
		if from == 0 && n == 1 && fault != nil {
			return logged{}, nil, fmt.Errorf("%s/%d has no checkpoint of this signer, is it the right key?: %w", tp.Topic, tp.Partition, fault)
		}
		if from == 0 || n > 0 && to(all[0].cp).compare(most) <= 0 {
			return slices.MaxFunc(append(all[:n:n], newest), func(a, b logged) int { return to(a.cp).compare(to(b.cp)) }), all, nil
		}
	}
}

func (s *Signer) checkpointOf(rec stage.Record) (l logged, err error) {
	var m schemas.Checkpoint
	if err := s.codec.DecodeInto(rec.Value, &m); err != nil {
		return l, err
	}
	l.cp, err = record.OpenCheckpoint([]byte(m.Note), s.keys.verifiers()...)
	if err == nil && generationOf(s.series, l.cp.Ledger) == 0 {
		err = fmt.Errorf("a checkpoint of ledger %s in the place of %s", l.cp.Ledger, s.series)
	}
	for _, h := range m.Frontier {
		l.frontier = append(l.frontier, record.Hash(h))
	}
	l.time, l.erased, l.at = m.Time, m.ErasedAt, rec.Position
	return l, err
}

// fold reads conduct.records, whose last record of this signer is at an offset, from a checkpoint's last record on. The end has no chain
// where that is not in the log.
func (s *Signer) fold(log stage.Log, base logged, last int64, outside record.Checkpoint) (t tail, err error) {
	t.base = base
	begun := point{issued: issued{base.cp.Size, base.time}, erased: base.erased, at: base.at}
	begin := func(c *record.Chain) {
		begun.chain, begun.state = c, c.Snapshot()
		t.start, t.end = begun, begun
	}
	tp := s.tp(pipelines.ConductRecords)
	from := int64(0)
	if base.cp.Size == 0 {
		chain, err := s.begin(log)
		if err != nil {
			return t, err
		}
		begin(chain)
	} else if from, err = s.before(log, tp, last, to(base.cp)); err != nil {
		return t, err
	}
	take := func(rec stage.Record) error {
		if t.end.chain == nil {
			if c := s.resume(base, s.recordBody(rec)); c != nil {
				begin(c)
			}
			return nil
		}
		if err := t.take(s.recordBody(rec)); err != nil {
			if f := (*record.Fault)(nil); errors.As(err, &f) && f.Reason == record.Equivocation {
				return fmt.Errorf("%s/%d offset %d: %w: %w", rec.Topic, rec.Partition, rec.Offset, err, ErrFork)
			}
			return nil // skipped, as every reader does
		}
		if rec.Stage == pipelines.RecordSigner && rec.Position.Partition == s.partition {
			if t.end.at = rec.Position; !t.more {
				t.first, t.more = rec.Position, true
			}
		}
		if c := t.end.chain; to(outside) == of(c) && outside.Root != c.Root() {
			return fmt.Errorf("ledger %s: its first %d records have the root %v; the checkpoint kept outside Kafka has %v: %w",
				c.Ledger(), outside.Size, c.Root(), outside.Root, ErrFork)
		}
		return nil
	}
	for ; ; from = 0 {
		if _, err = log.Read(tp, from, take); err != nil || t.end.chain != nil || from == 0 {
			break
		}
	}
	c := t.end.chain
	if err == nil && c != nil && of(c) == (extent{first, 0}) && c.Skipped(record.UnknownKey)+c.Skipped(record.BadSignature) > 0 {
		err = fmt.Errorf("ledger %s has records, but none signed by %s: is it the right key?", c.Ledger(), s.keys)
	}
	if c != nil {
		t.end.state = c.Snapshot()
	}
	return t, err
}

// take extends the chain, into the next generation where one begins.
func (t *tail) take(body []byte) error {
	c := t.end.chain
	if c.Sealed() {
		next, err := c.Next()
		if err == nil {
			_, err = next.Accept(body)
		}
		if err == nil {
			if of(c) != to(t.base.cp) { // no checkpoint over all of it is in the log
				sealed := *c
				owed := t.end
				owed.chain, owed.state = &sealed, sealed.Snapshot()
				t.end.owed = append(t.end.owed, owed)
			}
			t.end.chain, t.end.issued.size = next, 0
			return nil
		}
	}
	s, err := c.Accept(body)
	if err == nil && s.Kind == record.KindErasure {
		t.end.erased = s.Erasure.ErasedAt
	}
	return err
}

// resume makes the chain that goes on after a checkpoint if body is its last record; nil where it is not.
func (s *Signer) resume(base logged, body []byte) *record.Chain {
	r, err := record.Decode(body)
	if err != nil || r.Ledger != base.cp.Ledger || r.Sequence != base.cp.Size-1 {
		return nil
	}
	key := s.keys.byID(r.KeyID)
	if key == nil {
		return nil
	}
	c, err := record.ResumeChain(base.cp, base.frontier, body, key.Verifier())
	if err != nil {
		return nil
	}
	return c
}

// before finds an offset from which on the last record of an extent is in the log, going back from an offset.
func (s *Signer) before(log stage.Log, tp stage.TopicPartition, last int64, e extent) (int64, error) {
	enough := errors.New("enough")
	for window := int64(64); ; window *= 8 {
		from := last - window
		if from <= slack {
			return 0, nil
		}
		earlier := false
		_, err := log.Read(tp, from, func(rec stage.Record) error {
			covers := s.covers(rec)
			if covers.generation == 0 {
				return nil
			}
			earlier = covers.compare(e) < 0
			return enough
		})
		if err != nil && !errors.Is(err, enough) {
			return 0, err
		}
		if earlier {
			return from - slack, nil
		}
	}
}

// covers is how far the ledgers go with a record; zero where it is none of theirs.
func (s *Signer) covers(rec stage.Record) extent {
	r, err := record.Decode(s.recordBody(rec))
	if err != nil {
		return extent{}
	}
	if g := generationOf(s.series, r.Ledger); g > 0 {
		return extent{g, r.Sequence + 1}
	}
	return extent{}
}

// begin makes the empty chain of the first ledger. It has begun with the key that signed its first record, where there is one.
func (s *Signer) begin(log stage.Log) (*record.Chain, error) {
	key := s.keys[0]
	enough := errors.New("enough")
	_, err := log.Read(s.tp(pipelines.ConductRecords), 0, func(rec stage.Record) error {
		r, err := record.Decode(s.recordBody(rec))
		if err != nil || r.Ledger != s.name(first) || r.Sequence != 0 {
			return nil
		}
		by := s.keys.byID(r.KeyID)
		if by == nil {
			return nil
		}
		key = by
		return enough
	})
	if err != nil && !errors.Is(err, enough) {
		return nil, err
	}
	return record.NewChain(s.name(first), key.Verifier())
}

// recordBody is the record's body that a message holds; nothing where it holds none.
func (s *Signer) recordBody(rec stage.Record) []byte {
	if name, body, err := s.codec.Name(rec.Value); err == nil && name == (*schemas.SignedRecord)(nil).AvroName() {
		return body
	}
	return nil
}
