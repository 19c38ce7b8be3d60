package verify

import (
	"fmt"
	"hash/maphash"
	"math"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// account is what became of the messages of one partition of chat.events.
type account struct {
	start      int64   // the first offset that is still there
	from       int64   // what is before is not looked at: case.events has lost it
	done       []int64 // by partition of case.events: up to where intake has said that all is there
	items      []item  // by offset from start on
	duplicates int64
}

// item is one offset: what was taken says this, and so often it was taken or rejected.
type item struct {
	said  uint32
	times uint8
}

func (a *account) at(offset int64) *item {
	i := offset - a.start
	if i < 0 {
		return &item{}
	}
	if n := i + 1 - int64(len(a.items)); n > 0 {
		a.items = append(a.items, make([]item, n)...)
	}
	return &a.items[i]
}

func (v *run) openAccounts() error {
	n, err := v.Topics.Partitions(v.ctx, pipelines.ChatEvents)
	if err != nil {
		return err
	}
	targets, err := v.Topics.Partitions(v.ctx, pipelines.CaseEvents)
	if err != nil {
		return err
	}
	v.accounts = make([]account, n)
	for p := range v.accounts {
		a := &v.accounts[p]
		a.done = slices.Repeat([]int64{-1}, int(targets))
		if a.start, err = v.start(stage.TopicPartition{Topic: pipelines.ChatEvents, Partition: int32(p)}); err != nil {
			return err
		}
	}
	return nil
}

// took books what a message of case.events says about chat.events. A tick says that everything up to its position is there.
func (s *shadow) took(in stage.Record, m schemas.Message) {
	source := in.Position.Partition
	if in.Stage != pipelines.Intake || source < 0 || int(source) >= len(s.accounts) {
		return
	}
	a := &s.accounts[source]
	if s.past != nil && a.done[s.partition] < 0 {
		a.from = max(a.from, in.Position.Offset+1)
	}
	switch m := m.(type) {
	case *schemas.Tick:
		a.done[s.partition] = max(a.done[s.partition], in.Position.Offset)
	case *schemas.CaseEvent:
		var corrected schemas.Optional[string]
		if m.Kind == schemas.EventKindCaseTypeCorrected {
			corrected = m.CaseType
		}
		i := a.at(in.Position.Offset)
		i.said, i.times = s.said(&schemas.ChatEvent{CaseType: corrected, EventID: m.EventID, CaseID: m.CaseID, Kind: m.Kind, Sender: m.Sender, OccurredAt: m.OccurredAt,
			Text: m.Text, AIModelVersion: m.AIModelVersion, Outcome: m.Outcome, Rating: m.Rating, Synthetic: m.Synthetic}), i.times+1
	case *schemas.PolicyChange, *schemas.LedgerOrder:
		a.at(in.Position.Offset).times++
	}
}

// said sums up what an event says, but for the customer's id, which intake passes on as a commitment.
func (v *run) said(e *schemas.ChatEvent) uint32 {
	return uint32(maphash.Bytes(seed, e.AppendAvro(nil)))
}

// checkEvents is I5: every offset of chat.events is accounted for.
func (v *run) checkEvents() error {
	err := v.each(pipelines.ChatRejects, &v.i5, func(in stage.Record) error {
		var x schemas.ChatReject
		if err := v.Codec.DecodeInto(in.Value, &x); err != nil {
			v.i5.fault("%s/%d offset %d: %v", in.Topic, in.Partition, in.Offset, err)
			return nil
		}
		if x.Reason == "" {
			v.i5.fault("%s/%d offset %d: %s/%d offset %d is rejected without a reason", in.Topic, in.Partition, in.Offset, x.Topic, x.Partition, x.Offset)
		}
		if x.Topic == pipelines.ChatEvents && x.Partition >= 0 && int(x.Partition) < len(v.accounts) {
			v.accounts[x.Partition].at(x.Offset).times++
		}
		return nil
	})
	var taken, duplicates int64
	for p := int32(0); int(p) < len(v.accounts) && err == nil; p++ {
		a := &v.accounts[p]
		done := slices.Min(a.done)
		if a.from == 0 && v.forgotten {
			a.from = math.MaxInt64 // nothing of it is left
		}
		_, err = v.follow(stage.TopicPartition{Topic: pipelines.ChatEvents, Partition: p}, &v.i5, func(in stage.Record) error {
			if in.Offset < a.from {
				return nil
			}
			if i := a.at(in.Offset); in.Offset > done && i.times == 0 {
				v.i5.pending("chat.events/%d offset %d: intake has not come to it", p, in.Offset)
			} else if err := v.accounted(in, i, &taken); err != nil {
				v.i5.fault("chat.events/%d offset %d: %v", p, in.Offset, err)
			}
			return nil
		})
		duplicates += a.duplicates
	}
	v.i5.Notes = append([]string{fmt.Sprintf("%d taken, %d of them duplicates of named events; the others rejected, or policies, orders and the clock", taken, duplicates)}, v.i5.Notes...)
	return err
}

// accounted tells what is wrong with what became of a message of chat.events.
func (v *run) accounted(in stage.Record, i *item, taken *int64) error {
	v.i5.Count++
	want := uint8(1)
	if i.said != 0 {
		*taken++
	}
	switch m, err := v.Codec.Decode(in.Value); m := m.(type) {
	case *schemas.PolicyChange, *schemas.LedgerOrder:
		if o, ok := m.(*schemas.LedgerOrder); ok && o.Order == schemas.OrderKindErase && in.Partition != 0 && i.times == 0 {
			return nil // for intake alone; the one of partition 0 goes on
		}
		if err == nil && i.times != 1 { // to every partition, or rejected
			want = uint8(min(math.MaxUint8, len(v.accounts[in.Partition].done)))
		}
	case *schemas.ChatEvent:
		if m.Kind == schemas.EventKindClock && i.times == 0 {
			return nil // became ticks, or was not above them
		}
		if m.CustomerID = (schemas.Optional[string]{}); i.said != 0 && i.said != v.said(m) {
			return fmt.Errorf("event %s of case %s was taken, but as something else", m.EventID, m.CaseID)
		}
	}
	if i.times != want {
		return fmt.Errorf("accounted for %d times, want %d", i.times, want)
	}
	return nil
}
