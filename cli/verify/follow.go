package verify

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
)

// errEnough ends a read before its end.
var errEnough = errors.New("enough")

// writer is who wrote a message, from which partition.
type writer struct {
	stage  string
	source int32
}

// remembered is how many messages back a copy is compared with what it copies.
const remembered = 1024

// follow reads a partition as every reader does: of each writer, what is not above the position that it has come to is
// a copy, and dropped. Copies are counted, and compared with their originals: a stage that says two things of one input
// is not deterministic. Only intake may, since it draws salts and reads the clock. Ticks may be said again; they pass.
func (v *run) follow(tp stage.TopicPartition, check *Check, fn func(stage.Record) error) (start int64, err error) {
	var copies, count, taken int64
	last := map[writer]stage.Position{}
	var recent []print
	start, err = v.Topics.Read(v.ctx, tp, func(r stage.Record) error {
		if count++; count%1000 == 0 {
			v.Progress(tp.Topic, 1000)
		}
		if r.Stage == "" || tp.Topic == pipelines.CaseEvents && v.is(r, "casetrail.Tick") {
			return fn(r)
		}
		w := writer{r.Stage, r.Position.Partition}
		original := r.Stage != pipelines.Intake
		if at, ok := last[w]; ok && !r.Position.After(at) {
			if copies++; original && differs(recent, w, r) {
				check.fault("%s/%d offset %d: %s says of its input %v something else than before", tp.Topic, tp.Partition, r.Offset, r.Stage, r.Position)
			}
			return nil
		}
		last[w] = r.Position
		if original {
			if p := (print{w, r.Position, maphash.Bytes(seed, r.Value)}); len(recent) < remembered {
				recent = append(recent, p)
			} else {
				recent[taken%remembered] = p
			}
			taken++
		}
		return fn(r)
	})
	if err == nil {
		v.copies[tp] = copies
	}
	if err != nil && !errors.Is(err, errEnough) {
		err = fmt.Errorf("read %s/%d: %w", tp.Topic, tp.Partition, err)
	}
	return start, err
}

// print is a message's fingerprint.
type print struct {
	writer
	at  stage.Position
	sum uint64
}

var seed = maphash.MakeSeed()

func differs(recent []print, w writer, r stage.Record) bool {
	i := slices.IndexFunc(recent, func(p print) bool { return p.writer == w && p.at == r.Position })
	return i >= 0 && recent[i].sum != maphash.Bytes(seed, r.Value)
}

func (v *run) is(r stage.Record, name string) bool {
	got, _, err := v.Codec.Name(r.Value)
	return err == nil && got == name
}

// each follows all partitions of a topic.
func (v *run) each(topic string, check *Check, fn func(stage.Record) error) error {
	n, err := v.Topics.Partitions(v.ctx, topic)
	for p := int32(0); p < n && err == nil; p++ {
		_, err = v.follow(stage.TopicPartition{Topic: topic, Partition: p}, check, fn)
	}
	return err
}

// start is the first offset of a partition that is still there.
func (v *run) start(tp stage.TopicPartition) (int64, error) {
	start, err := v.Topics.Read(v.ctx, tp, func(stage.Record) error { return errEnough })
	if errors.Is(err, errEnough) {
		err = nil
	}
	return start, err
}

// cursor is a partition that is read one message at a time, beside others.
type cursor struct {
	head stage.Record
	ok   bool // head is the next message
	next func() (stage.Record, bool)
	stop func()
	err  error
}

// open begins to read at once, so that the end is the partition's now. Close it.
func (v *run) open(tp stage.TopicPartition, check *Check) *cursor {
	c := &cursor{}
	c.next, c.stop = iter.Pull(func(yield func(stage.Record) bool) {
		_, err := v.follow(tp, check, func(r stage.Record) error {
			if !yield(r) {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			c.err = err
		}
	})
	c.advance()
	return c
}

func (c *cursor) advance() { c.head, c.ok = c.next() }

// finish sums up.
func (v *run) finish() {
	r := &v.report
	r.Records = v.i2.Count
	var heads []record.Head
	for i := range v.ledgers {
		l := &v.ledgers[i]
		if h, _ := l.head(); h.size > 0 {
			heads = append(heads, record.Head{Ledger: l.chains[h.of].Ledger(), Size: h.size, Root: h.root})
		}
	}
	r.Sealed = v.sealed()
	r.Partitions, r.Root = len(heads), record.CombinedRoot(heads)
	for _, c := range []struct {
		on bool
		Check
	}{{v.Deep, v.i1}, {true, v.i2}, {!v.MetricsOnly, v.manifest}, {v.Deep || v.MetricsOnly, v.i3}, {v.Rows != nil, v.i4rows}, {v.Deep && v.Rows != nil, v.i4windows}, {v.Deep, v.i5}, {v.Deep, v.i6}} {
		if c.on {
			r.Checks = append(r.Checks, c.Check)
		}
	}
	r.Statements = v.judged()
	by := map[string]int64{}
	for tp, n := range v.copies {
		by[tp.Topic] += n
	}
	for topic, n := range by {
		if n > 0 {
			r.Copies = append(r.Copies, Copies{topic, n})
		}
	}
	slices.SortFunc(r.Copies, func(a, b Copies) int { return cmp.Compare(a.Topic, b.Topic) })
}
