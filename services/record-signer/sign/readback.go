package sign

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// logged is a checkpoint that stands in conduct.checkpoints; size 0 without a note is the ledger's beginning.
type logged struct {
	cp       record.Checkpoint
	time     int64
	frontier []record.Hash
	erased   int64
	at       stage.Position // of the input that it was issued at
}

// tail is what the log has of the ledger.
type tail struct {
	base   logged          // the newest checkpoint whose records are all there
	newest logged          // the newest one
	start  record.Snapshot // of the chain, at base
	chain  *record.Chain   // folded to the end
	at     stage.Position  // of the last record
	erased int64           // see Signer, at the end
	first  stage.Position  // of the first record after base, where there is one
}

// readBack finds the newest checkpoint whose last record is in the log and folds what follows it.
func (s *Signer) readBack(log stage.Log, outside record.Checkpoint) (tail, error) {
	most := int64(math.MaxInt64) // a hint that spares looking for records that are gone
	last, ok, err := log.Last(s.tp(pipelines.ConductRecords), pipelines.RecordSigner, s.partition)
	if err != nil {
		return tail{}, err
	}
	if !ok {
		most = 0
	} else if r, err := record.Decode(s.recordBody(last)); err == nil && r.Ledger == s.ledger {
		most = r.Sequence + 1
	}
	newest, candidates, err := s.checkpoints(log, most)
	if err != nil {
		return tail{}, err
	}
	for i := len(candidates) - 1; i >= 0; i-- {
		if candidates[i].cp.Size > most {
			continue
		}
		t, found, err := s.fold(log, candidates[i], outside)
		if t.newest = newest; found || err != nil {
			return t, err
		}
	}
	return tail{}, fmt.Errorf("ledger %s: no checkpoint's last record is in conduct.records: %w", s.ledger, ErrLost)
}

// checkpoints reads this signer's checkpoints back from the end until one has at most so many records, and returns them
// from old to new; the ledger's beginning is the oldest one.
func (s *Signer) checkpoints(log stage.Log, most int64) (newest logged, all []logged, err error) {
	tp := s.tp(pipelines.ConductCheckpoints)
	last, ok, err := log.Last(tp, pipelines.RecordSigner, s.partition)
	if err != nil || !ok {
		return logged{}, []logged{{}}, err
	}
	var fault error
	for window := int64(64); ; window *= 8 {
		from := max(0, last.Offset-window)
		all, fault = all[:0], nil
		if from == 0 {
			all = append(all, logged{})
		}
		_, err := log.Read(tp, from, func(rec stage.Record) error {
			if rec.Stage != pipelines.RecordSigner || rec.Position.Partition != s.partition {
				return nil
			}
			l, err := s.checkpointOf(rec)
			if err == nil {
				all = append(all, l)
			} else {
				fault = err
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
		if from == 0 || n > 0 && all[0].cp.Size <= most {
			return slices.MaxFunc(all, func(a, b logged) int { return cmp.Compare(a.cp.Size, b.cp.Size) }), all, nil
		}
	}
}

func (s *Signer) checkpointOf(rec stage.Record) (l logged, err error) {
	var m schemas.Checkpoint
	if err := s.codec.DecodeInto(rec.Value, &m); err != nil {
		return l, err
	}
	l.cp, err = record.OpenCheckpoint([]byte(m.Note), s.keys.verifiers()...)
	if err == nil && l.cp.Ledger != s.ledger {
		err = fmt.Errorf("a checkpoint of ledger %s in the place of %s", l.cp.Ledger, s.ledger)
	}
	for _, h := range m.Frontier {
		l.frontier = append(l.frontier, record.Hash(h))
	}
	l.time, l.erased, l.at = m.Time, m.ErasedAt, rec.Position
	return l, err
}

// fold reads conduct.records from a checkpoint's last record on. found is false where that is not in the log.
func (s *Signer) fold(log stage.Log, base logged, outside record.Checkpoint) (t tail, found bool, err error) {
	t.base, t.at, t.erased = base, base.at, base.erased
	if base.cp.Size == 0 {
		if t.chain, err = s.begin(log); err != nil {
			return t, false, err
		}
		t.start = t.chain.Snapshot()
	}
	take := func(rec stage.Record) error {
		if t.chain == nil {
			t.resume(s.recordBody(rec), s.keys)
			return nil
		}
		took, err := t.chain.Accept(s.recordBody(rec))
		if f := (*record.Fault)(nil); errors.As(err, &f) {
			if f.Reason == record.Equivocation {
				return fmt.Errorf("%s/%d offset %d: %w: %w", rec.Topic, rec.Partition, rec.Offset, err, ErrFork)
			}
			return nil // skipped, as every reader does
		}
		if err == nil && took.Kind == record.KindErasure {
			t.erased = took.Erasure.ErasedAt
		}
		if rec.Stage == pipelines.RecordSigner && rec.Position.Partition == s.partition {
			t.at = rec.Position
			if t.chain.Size() == base.cp.Size+1 {
				t.first = rec.Position
			}
		}
		if outside.Size == t.chain.Size() && outside.Root != t.chain.Root() {
			return fmt.Errorf("ledger %s: its first %d records have the root %v; the checkpoint kept outside Kafka has %v: %w",
				s.ledger, outside.Size, t.chain.Root(), outside.Root, ErrFork)
		}
		return nil
	}
	// Every record has its own offset, so a sequence is never above it; unless the topic was copied without its beginning.
	tp := s.tp(pipelines.ConductRecords)
	for _, from := range []int64{max(0, base.cp.Size-1), 0} {
		if _, err = log.Read(tp, from, take); err != nil || t.chain != nil || from == 0 {
			break
		}
	}
	if err == nil && t.chain != nil && t.chain.Size() == 0 && t.chain.Skipped(record.UnknownKey)+t.chain.Skipped(record.BadSignature) > 0 {
		err = fmt.Errorf("ledger %s has records, but none signed by %s: is it the right key?", s.ledger, s.keys)
	}
	return t, t.chain != nil, err
}

// resume begins the chain if body is the base's last record.
func (t *tail) resume(body []byte, keys Keys) {
	r, err := record.Decode(body)
	if err != nil || r.Ledger != t.base.cp.Ledger || r.Sequence != t.base.cp.Size-1 {
		return
	}
	key := keys.byID(r.KeyID)
	if key == nil {
		return
	}
	if c, err := record.ResumeChain(t.base.cp, t.base.frontier, body, key.Verifier()); err == nil {
		t.chain, t.start = c, c.Snapshot()
	}
}

// begin makes the empty chain of a ledger. It has begun with the key that signed its first record, where there is one.
func (s *Signer) begin(log stage.Log) (*record.Chain, error) {
	first := s.keys[0]
	enough := errors.New("enough")
	_, err := log.Read(s.tp(pipelines.ConductRecords), 0, func(rec stage.Record) error {
		r, err := record.Decode(s.recordBody(rec))
		if err != nil || r.Ledger != s.ledger || r.Sequence != 0 {
			return nil
		}
		key := s.keys.byID(r.KeyID)
		if key == nil {
			return nil
		}
		first = key
		return enough
	})
	if err != nil && !errors.Is(err, enough) {
		return nil, err
	}
	return record.NewChain(s.ledger, first.Verifier())
}

// recordBody is the record's body that a message holds; nothing where it holds none.
func (s *Signer) recordBody(rec stage.Record) []byte {
	if name, body, err := s.codec.Name(rec.Value); err == nil && name == (*schemas.SignedRecord)(nil).AvroName() {
		return body
	}
	return nil
}
