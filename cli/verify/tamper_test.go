package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// find is the last record of a topic that fits.
func (w *world) find(topic string, fits func(schemas.Message) bool) (out stage.Record) {
	w.t.Helper()
	n, _ := w.Partitions(context.Background(), topic)
	for p := range n {
		for _, r := range w.Records(topic, p) {
			if m, err := codec.Decode(r.Value); err == nil && fits(m) {
				out = r
			}
		}
	}
	if out.Topic == "" {
		w.t.Fatalf("nothing in %s to tamper with", topic)
	}
	return out
}

// hide takes a record away, and all that comes because of the same input from the same stage where also is set.
func (w *world) hide(r stage.Record, also ...string) {
	before := w.hides
	w.hides = func(x stage.Record) bool {
		same := x.Stage == r.Stage && x.Position.Partition == r.Position.Partition && x.Position.Offset == r.Position.Offset
		return before != nil && before(x) || same && (x.Topic == r.Topic && x.Position == r.Position || slices.Contains(also, x.Topic))
	}
}

// alter changes a record where it stands.
func alter[M any, P interface {
	*M
	schemas.Message
}](w *world, r stage.Record, change func(*M)) {
	w.alters = func(x *stage.Record) {
		if x.Topic != r.Topic || x.Partition != r.Partition || x.Offset != r.Offset {
			return
		}
		var m M
		check(w.t, codec.DecodeInto(x.Value, P(&m)))
		change(&m)
		x.Value = codec.Append(nil, x.Topic, P(&m))
	}
}

// add writes a record after the end, as if later by a position.
func (w *world) add(r stage.Record, m schemas.Message) {
	if m != nil {
		r.Value = codec.Append(nil, r.Topic, m)
	}
	tp := stage.TopicPartition{Topic: r.Topic, Partition: r.Partition}
	r.Offset = int64(len(w.Records(r.Topic, r.Partition)) + len(w.more[tp]))
	w.more[tp] = append(w.more[tp], r)
}

// later gives a record the position after the last one of its partition.
func (w *world) later(r stage.Record) stage.Record {
	all := w.Records(r.Topic, r.Partition)
	r.Position = all[len(all)-1].Position
	r.Position.Ordinal++
	return r
}

// leaf has the signer lie in a leaf of the manifest, under a signature of its own.
func (w *world) leaf(n int, lie func(*record.ManifestLeaf)) {
	alter(w, w.Records(pipelines.ConductManifest, 0)[n], func(m *schemas.Manifest) {
		l := must1(record.ParseManifestLeaf(m.Leaf))
		lie(&l)
		m.Leaf = l.Text()
		before := make([]record.Hash, len(m.Frontier))
		for i, h := range m.Frontier {
			before[i] = record.Hash(h)
		}
		tree := must1(record.NewFrontier(l.Sequence, before))
		tree.Append(record.LeafHash([]byte(m.Leaf)))
		m.Note = string(must1(w.key.SignCheckpoint(l.Manifest, tree.Size(), tree.Root())).Note)
	})
}

func any1(schemas.Message) bool { return true }

func signal(s schemas.Signal) func(schemas.Message) bool {
	return func(m schemas.Message) bool { return m.(*schemas.Escalation).Signal == s }
}

func is[P schemas.Message](m schemas.Message) bool { _, ok := m.(P); return ok }

// TestTampering shows for each thing that the checker checks that it does: the log of a sound run is tampered with in one
// place, and the checker says where.
func TestTampering(t *testing.T) {
	for _, c := range []struct {
		name   string
		tamper func(*world)
		says   []string // the check, and words
	}{
		{"nothing", func(*world) {}, nil},
		{"an amendment that is dropped", func(w *world) { w.hide(w.find(pipelines.CaseConclusions, is[*schemas.CaseAmendment])) },
			[]string{"I1", "case.events/", "must cause case.conclusions: amendment of case", "which is not there"}},
		{"an amendment without its event", func(w *world) {
			r := w.find(pipelines.CaseConclusions, is[*schemas.CaseAmendment])
			w.add(w.later(r), nil)
		}, []string{"I1", "case.conclusions/", "amendment of case", "calls for"}},
		{"a conclusion that is dropped", func(w *world) { w.hide(w.find(pipelines.CaseConclusions, is[*schemas.CaseConclusion])) },
			[]string{"I1", "where the router said nothing"}},
		{"a conclusion with another rating", func(w *world) {
			alter(w, w.find(pipelines.CaseConclusions, is[*schemas.CaseConclusion]), func(m *schemas.CaseConclusion) { m.Case.CustomerSatisfactionScore = schemas.Some(int32(5)) })
		}, []string{"I1", "says something else than the router", "CustomerSatisfactionScore is"}},
		{"an event that no one answered", func(w *world) {
			w.hide(w.find(pipelines.ChatRejects, func(m schemas.Message) bool { return m.(*schemas.ChatReject).Reason == "no_case" }))
		},
			[]string{"I1", "must cause chat.rejects: no_case"}},
		{"a router that is behind", func(w *world) { w.behind() }, []string{"pending I1", "the router has not come to it"}},
		{"an idle case that is not closed", func(w *world) {
			w.hideAll(w.find(pipelines.CaseConclusions, func(m schemas.Message) bool {
				c, ok := m.(*schemas.CaseConclusion)
				return ok && c.Case.ResolutionOutcome == schemas.OutcomeAbandoned
			}))
		}, []string{"I1", "is overdue: it was to be closed at", "has been promised"}},

		{"a ledger that is cut", func(w *world) { w.cut(pipelines.ConductRecords, 3) }, []string{"I2", "a checkpoint promises", "the ledger is shorter"}},
		{"a checkpoint that is cut", func(w *world) { w.cutCheckpoints() }, []string{"pending I2", "no checkpoint covers its last"}},
		{"a checkpoint that goes back", func(w *world) {
			r := w.Records(pipelines.ConductCheckpoints, 0)[1]
			w.add(w.later(r), nil)
		}, []string{"I2", "goes back from"}},
		{"a split view", func(w *world) {
			r := w.find(pipelines.ConductCheckpoints, any1)
			var m schemas.Checkpoint
			check(w.t, codec.DecodeInto(r.Value, &m))
			cp := must1(w.key.SignCheckpoint(m.Ledger, m.Size, record.Hash{7}))
			m.Root, m.Note = schemas.Hash(cp.Root), string(cp.Note)
			w.add(w.later(r), &m)
		}, []string{"I2", "two roots for its first", "a split view"}},
		{"a checkpoint that is forged", func(w *world) {
			r := w.find(pipelines.ConductCheckpoints, any1)
			var m schemas.Checkpoint
			check(w.t, codec.DecodeInto(r.Value, &m))
			m.Note = strings.Replace(m.Note, "\n\n", "\n\n\n", 1)
			w.add(w.later(r), &m)
		}, []string{"I2", "conduct.checkpoints/1 offset"}},
		{"a checkpoint that says another size", func(w *world) {
			alter(w, w.find(pipelines.ConductCheckpoints, any1), func(m *schemas.Checkpoint) { m.Size++ })
		}, []string{"I2", "records of casetrail/test/1/1, its note"}},
		{"a record under a promise", func(w *world) {
			alter(w, w.Records(pipelines.ConductCheckpoints, 0)[0], func(m *schemas.Checkpoint) { m.Time = t0 + 1000*minute })
		}, []string{"I2", "promised that nothing before"}},
		{"another partition's ledger", func(w *world) { w.swap(pipelines.ConductRecords); w.hideTopic(pipelines.ConductCheckpoints) }, []string{"I2", "which by its name is not this partition's"}},
		{"a record that is forged", func(w *world) {
			r := w.Records(pipelines.ConductRecords, 0)[2]
			w.alters = func(x *stage.Record) {
				if x.Topic == r.Topic && x.Partition == 0 && x.Offset == r.Offset {
					x.Value[len(x.Value)-100] ^= 1
				}
			}
		}, []string{"I2", "conduct.records/0 offset"}},

		{"a leaf of the manifest that is dropped", func(w *world) { w.hide(w.Records(pipelines.ConductManifest, 0)[5]) }, []string{"I7", "conduct.manifest/0 offset 6: leaf 6 is of", "due is"}},
		{"the last leaf", func(w *world) { w.cut(pipelines.ConductManifest, 1) }, []string{"pending I7", "the leaf of"}},
		{"no manifest", func(w *world) { w.hideTopic(pipelines.ConductManifest) }, []string{"pending I7", "the leaf of"}},
		{"a partition that the manifest leaves out", func(w *world) {
			w.leaf(0, func(l *record.ManifestLeaf) { l.Heads = l.Heads[:1] })
		}, []string{"I7", "offset 0: leaf 0 has 1 partitions, there are 2 ledgers"}},
		{"a head that the manifest has of another size", func(w *world) {
			w.leaf(3, func(l *record.ManifestLeaf) { l.Heads[1].Size++ })
		}, []string{"I7", "offset 3: leaf 3 names the head of ledger casetrail/test/1/1", "not its first checkpoint at or after"}},
		{"a promise that no checkpoint makes", func(w *world) {
			w.leaf(3, func(l *record.ManifestLeaf) { l.Heads[1].Time = t0 + 1000*minute })
		}, []string{"I7", "complete up to 2027-01-16T00:40:00Z, which is not its first"}},
		{"a leaf that somebody else signed", func(w *world) {
			alter(w, w.Records(pipelines.ConductManifest, 0)[2], func(m *schemas.Manifest) { m.Note = strings.ReplaceAll(m.Note, "ledger ", "lodger ") })
		}, []string{"I7", "offset 2", "unknown_key"}},
		{"a leaf that is changed under its signature", func(w *world) {
			alter(w, w.Records(pipelines.ConductManifest, 0)[2], func(m *schemas.Manifest) { m.Leaf = strings.Replace(m.Leaf, "/1/1 ", "/1/2 ", 1) })
		}, []string{"I7", "offset 2: ledger casetrail/test/manifest/1 sequence 2 field checkpoint.root: root_mismatch"}},

		{"a window that is dropped", func(w *world) { w.hide(w.Records(pipelines.ConductMetrics, 0)[20]) }, []string{"I3", "not published; offset"}},
		{"the last window", func(w *world) { w.cut(pipelines.ConductMetrics, 1) }, []string{"pending I3", "is not published"}},
		{"a window said twice", func(w *world) { w.add(w.later(w.find(pipelines.ConductMetrics, any1)), nil) }, []string{"I3", "or it was published before"}},
		{"a window with another figure", func(w *world) {
			alter(w, w.find(pipelines.ConductMetrics, any1), func(m *schemas.MetricRecord) { m.Segments[0].Complaints++ })
		}, []string{"I3", "Complaints: ", ", the ledger gives "}},
		{"a window with another rate", func(w *world) {
			alter(w, w.find(pipelines.ConductMetrics, any1), func(m *schemas.MetricRecord) { m.Segments[0].EscalationRate.Value.High += 1e-16 })
		}, []string{"I3", "EscalationRate Value High: ", ", the ledger gives "}},
		{"a window with another policy", func(w *world) {
			alter(w, w.find(pipelines.ConductMetrics, any1), func(m *schemas.MetricRecord) { m.PolicyVersion += "x" })
		}, []string{"I3", "record PolicyVersion: "}},
		{"a window that somebody else signed", func(w *world) {
			alter(w, w.find(pipelines.ConductMetrics, any1), func(m *schemas.MetricRecord) { m.KeyID[0]++ })
		}, []string{"I3", "which is none of those that are trusted"}},
		{"a window whose signature was changed", func(w *world) {
			alter(w, w.find(pipelines.ConductMetrics, any1), func(m *schemas.MetricRecord) { m.Signature[63]++ })
		}, []string{"I3", "the signature of aggregator is not over these bytes"}},
		{"a window under another head", func(w *world) {
			alter(w, w.find(pipelines.ConductMetrics, any1), func(m *schemas.MetricRecord) { m.Heads[1].Size-- })
		}, []string{"I3", "not its first checkpoint at or after the end"}},
		{"a window too early", func(w *world) {
			r := w.find(pipelines.ConductMetrics, any1)
			var m schemas.MetricRecord
			check(w.t, codec.DecodeInto(r.Value, &m))
			m.End += 10 * 60 * minute
			w.add(w.later(r), &m)
		}, []string{"pending I3", "is published, the ledgers were complete up to"}},

		{"a row that is missing", func(w *world) { w.rows = &memRows{w: w, skip: 2} }, []string{"I4", "sequence 3 where 2 is due"}},
		{"rows that are behind", func(w *world) { w.rows = &memRows{w: w, short: 1} }, []string{"pending I4", "ClickHouse has"}},
		{"a window of ClickHouse's", func(w *world) { w.rows = &memRows{w: w, off: -1} }, []string{"I4", "ClickHouse has segment"}},
		{"an old window of ClickHouse's", func(w *world) { w.rows, w.all = &memRows{w: w, old: true}, true }, []string{"I4", "ClickHouse has segment"}},
		{"an old window that was not asked for", func(w *world) { w.rows = &memRows{w: w, old: true} }, nil},
		{"a beginning that is gone", func(w *world) {
			w.starts[pipelines.CaseEvents], w.starts[pipelines.CaseConclusions], w.starts[pipelines.ChatEvents] = 50, 20, 100
		}, nil},
		{"ClickHouse as it should be", func(w *world) { w.rows = &memRows{w: w} }, nil},

		{"an event that is lost", func(w *world) { w.hide(w.find(pipelines.CaseEvents, is[*schemas.CaseEvent])) }, []string{"I5", "chat.events/", "accounted for 0 times, want 1"}},
		{"an event taken as another", func(w *world) {
			alter(w, w.find(pipelines.CaseEvents, is[*schemas.CaseEvent]), func(m *schemas.CaseEvent) { m.OccurredAt++ })
		}, []string{"I5", "was taken, but as something else"}},
		{"an event taken and rejected", func(w *world) {
			r := w.find(pipelines.ChatRejects, func(m schemas.Message) bool { return m.(*schemas.ChatReject).Reason == "bad_event" })
			alter(w, r, func(m *schemas.ChatReject) { m.Offset = 1 })
		}, []string{"I5", "accounted for 0 times, want 1"}},
		{"a reject without a reason", func(w *world) {
			alter(w, w.find(pipelines.ChatRejects, func(m schemas.Message) bool { return m.(*schemas.ChatReject).Reason == "bad_event" }), func(m *schemas.ChatReject) { m.Reason = "" })
		}, []string{"I5", "is rejected without a reason"}},
		{"an intake that is behind", func(w *world) {
			w.put(&schemas.ChatEvent{EventID: "new", CaseID: "new", Kind: schemas.EventKindMessage, OccurredAt: t0, Text: schemas.Some("hi")}, "new")
		}, []string{"pending I5", "intake has not come to it"}},

		{"an escalation that is dropped", func(w *world) { w.hide(w.find(pipelines.CaseEscalations, signal(schemas.SignalHumanRequest))) },
			[]string{"I6", "must cause case.escalations: human_request of case"}},
		{"an escalation too many", func(w *world) { w.add(w.later(w.find(pipelines.CaseEscalations, any1)), nil) }, []string{"I6", "case.escalations/", "call for"}},
		{"an escalation of another wire", func(w *world) {
			alter(w, w.find(pipelines.CaseEscalations, signal(schemas.SignalHumanRequest)), func(m *schemas.Escalation) { m.Signal = schemas.SignalNegativeSentiment })
		}, []string{"I6", "must cause case.escalations: human_request", "which is not there"}},
		{"a breach that is kept quiet", func(w *world) { w.hide(w.find(pipelines.CaseEscalations, signal(schemas.SignalGuardBreach))) },
			[]string{"I6", "must cause case.escalations: guard_breach"}},
		{"a timer that never fires", func(w *world) { w.hideAll(w.find(pipelines.CaseEscalations, signal(schemas.SignalDuration))) }, []string{"I6", "must cause case.escalations: duration of case"}},
		{"a timer that fires late", func(w *world) {
			alter(w, w.find(pipelines.CaseEscalations, signal(schemas.SignalDuration)), func(m *schemas.Escalation) { m.EscalatedAt += 1000 })
		}, []string{"I6", "duration of case"}},
		{"work for the AI on a human's case", func(w *world) {
			r := w.find(pipelines.WorkHuman, func(m schemas.Message) bool { return m.(*schemas.WorkItem).Work == schemas.WorkKindReply })
			w.alters = func(x *stage.Record) {
				if x.Topic == r.Topic && x.Partition == r.Partition && x.Offset == r.Offset {
					x.Topic = pipelines.WorkAI
				}
			}
		}, []string{"I6", "work for human"}},
		{"more work for the AI", func(w *world) {
			human := w.find(pipelines.WorkHuman, func(m schemas.Message) bool { return m.(*schemas.WorkItem).Work == schemas.WorkKindReply })
			var m schemas.WorkItem
			check(w.t, codec.DecodeInto(human.Value, &m))
			m.Handler = schemas.HandlerAI
			r := w.later(w.Records(pipelines.WorkAI, human.Partition)[0])
			r.Position = stage.Position{Partition: human.Partition, Offset: human.Position.Offset, Ordinal: human.Position.Ordinal + 1}
			w.add(r, &m)
		}, []string{"I6", "work for an AI on case", "which is a human's"}},
		{"work from outside", func(w *world) {
			r := w.find(pipelines.WorkAI, any1)
			r.Stage = ""
			w.add(r, nil)
		}, []string{"I6", "not written by the router"}},

		{"a message written twice", func(w *world) {
			for _, topic := range []string{pipelines.WorkHuman, pipelines.CaseConclusions, pipelines.ConductRecords, pipelines.ConductMetrics, pipelines.ConductCheckpoints, pipelines.CaseEvents} {
				i := slices.IndexFunc(w.Records(topic, 0), func(r stage.Record) bool {
					m := must1(codec.Decode(r.Value))
					return !is[*schemas.Tick](m) && !is[*schemas.PolicyChange](m)
				})
				w.add(w.Records(topic, 0)[i], nil)
			}
		}, []string{"copies 6"}},
		{"a second answer to one input", func(w *world) {
			r := w.find(pipelines.WorkHuman, any1)
			var m schemas.WorkItem
			check(w.t, codec.DecodeInto(r.Value, &m))
			m.Text = schemas.Some("another")
			w.add(r, &m)
		}, []string{"I6", "something else than before"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 11)
			w.random(600)
			w.flow()
			c.tamper(w)
			expect(t, w.verify(), c.says)
		})
	}
}

// expect checks that a report finds a fault (or something pending, or copies), in that check and in these words.
func expect(t *testing.T, r *Report, says []string) {
	t.Helper()
	var all strings.Builder
	found := false
	for _, c := range r.Checks {
		text := strings.Join(c.Faults, "\n")
		prefix := c.Name[:2]
		if len(says) > 0 && strings.HasPrefix(says[0], "pending ") {
			prefix, text = "pending "+prefix, c.Next
		}
		fmt.Fprintf(&all, "%s: %v %v\n", c.Name, c.Faults, c.Next)
		ok := len(says) > 0 && prefix == says[0]
		for _, s := range says {
			ok = ok && (s == says[0] || strings.Contains(text, s))
		}
		found = found || ok
	}
	switch {
	case len(says) == 0 && (r.Err() != nil || r.Pending() != nil), len(says) > 0 && strings.HasPrefix(says[0], "I") && !errors.Is(r.Err(), ErrFaults):
		t.Errorf("%v, %v in\n%s", r.Err(), r.Pending(), all.String())
	case len(says) > 0 && strings.HasPrefix(says[0], "copies"):
		var n int64
		for _, c := range r.Copies {
			n += c.Count
		}
		if says[0] != fmt.Sprint("copies ", n) || r.Err() != nil {
			t.Errorf("%v in\n%s", r.Copies, all.String())
		}
	case len(says) > 0 && !found:
		t.Errorf("no word of %q in\n%s", says, all.String())
	}
}

// hideAll hides all that the router wrote because of the same input, but for the ticks.
func (w *world) hideAll(r stage.Record) {
	w.hides = func(x stage.Record) bool {
		return x.Stage == r.Stage && x.Position.Partition == r.Position.Partition && x.Position.Offset == r.Position.Offset && string(x.Key) == string(r.Key) && x.Topic != pipelines.CaseStates
	}
}

func (w *world) hideTopic(topic string) {
	w.hides = func(x stage.Record) bool { return x.Topic == topic }
}

// cut hides the last n records of partition 0.
func (w *world) cut(topic string, n int64) {
	end := int64(len(w.Records(topic, 0)))
	w.hides = func(x stage.Record) bool { return x.Topic == topic && x.Partition == 0 && x.Offset >= end-n }
}

// cutCheckpoints hides the checkpoints that cover the last record.
func (w *world) cutCheckpoints() {
	size := int64(len(w.Records(pipelines.ConductRecords, 0)))
	w.hides = func(x stage.Record) bool {
		var m schemas.Checkpoint
		return x.Topic == pipelines.ConductCheckpoints && x.Partition == 0 && codec.DecodeInto(x.Value, &m) == nil && m.Size == size
	}
}

// swap swaps the two partitions of a topic.
func (w *world) swap(topic string) {
	w.swapped = topic
}

// behind takes the router's last steps back.
func (w *world) behind() {
	w.put(&schemas.ChatEvent{EventID: "new", CaseID: "new", Kind: schemas.EventKindMessage, OccurredAt: t0 + 600*minute, Text: schemas.Some("hi")}, "new")
	for _, s := range w.stages[:partitions] {
		check(w.t, s.Drain(10))
	}
}

// memRows is ClickHouse as it should be, or with a fault.
type memRows struct {
	w           *world
	skip, short int64
	off         int64 // added to a figure of every window
	old         bool  // the first window is another
}

func (m *memRows) Bodies(_ context.Context, p int32, ledger string, size int64, fn func(int64, []byte) error) error {
	for _, r := range m.w.Records(pipelines.ConductRecords, p) {
		s := must1(record.Decode(r.Value[frame:]))
		if s.Ledger == ledger && s.Sequence < size && (m.skip == 0 || s.Sequence != m.skip) {
			if err := fn(s.Sequence, r.Value[frame:]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memRows) Windows(_ context.Context, length int64, ends []int64) (map[int64][]schemas.Segment, error) {
	out := map[int64][]schemas.Segment{}
	for _, r := range m.w.Records(pipelines.ConductMetrics, 0) {
		var x schemas.MetricRecord
		check(m.w.t, codec.DecodeInto(r.Value, &x))
		if x.End-x.Start == length && slices.Contains(ends, x.End) {
			if x.Segments[0].Cases += m.off; m.old && r.Offset == 0 {
				x.Segments[0].Cases++
			}
			out[x.End] = x.Segments
		}
	}
	return out, nil
}

func (m *memRows) Heads(context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	for p := range int32(partitions) {
		for _, r := range m.w.Records(pipelines.ConductCheckpoints, p) {
			var x schemas.Checkpoint
			check(m.w.t, codec.DecodeInto(r.Value, &x))
			if n := int64(len(m.w.Records(pipelines.ConductRecords, p))); x.Size <= n-m.short {
				out[x.Ledger] = x.Size
			}
		}
	}
	return out, nil
}

func (m *memRows) Complete(context.Context) (int64, error) { return t0 + 10000*minute, nil }
