package simulate

import (
	"bytes"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/cli/verify"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/aggregate"
	"github.com/casetrail/casetrail/services/record-signer/sign"
	"github.com/casetrail/casetrail/services/router/cases"
)

// check holds what is in the topics and in ClickHouse against every promise.
func (w *world) check() error {
	f := w.actual
	report, err := verify.Run(w.engine.ctx, verify.Options{Topics: topics{w.broker}, Codec: f.codec, Trusted: f.signer.Verifier(), Rows: w.engine, Deep: true, AllWindows: true,
		Metrics: []note.Verifier{f.metricSigner.Verifier()}})
	if err != nil {
		return fmt.Errorf("the checker can't read: %w", err)
	}
	w.stats.Records = int(report.Records)
	w.stats.Windows = len(w.broker.topics[stage.TopicPartition{Topic: pipelines.ConductMetrics}].entries)
	if err := report.Err(); err != nil {
		return err
	}
	for _, c := range report.Checks {
		if c.Pending > 0 {
			return fmt.Errorf("%s: %d are lost, since nothing is on its way any more: %s", c.Name, c.Pending, c.Next)
		}
	}
	for _, check := range []func() error{w.checkOnce, w.checkAllConcluded, w.checkOrders, w.checkTables, w.checkReplay} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkOnce looks for messages that stand in a topic twice, or behind a later one. There are none unless the fence is
// missing: then readers drop them.
func (w *world) checkOnce() error {
	for _, p := range w.broker.order {
		if p.Topic == pipelines.ChatEvents {
			continue
		}
		last := map[string]stage.Position{}
		for i := range p.entries {
			r := &p.entries[i].record
			if p.entries[i].hidden || r.Stage == "" || p.Topic == pipelines.CaseStates {
				continue
			}
			if name, _, _ := w.actual.codec.Name(r.Value); name == "casetrail.Tick" && p.Topic == pipelines.CaseEvents {
				continue // promises may be repeated
			}
			key := fmt.Sprint(r.Stage, r.Position.Partition)
			if before, ok := last[key]; ok && !r.Position.After(before) {
				if w.stats.Duplicates++; !w.faults.unfenced {
					return fmt.Errorf("%s offset %d: position %v again, after %v", name(p.TopicPartition), i, r.Position, before)
				}
				continue
			}
			last[key] = r.Position
		}
	}
	return nil
}

// checkAllConcluded counts: the time has come for every case that was opened.
func (w *world) checkAllConcluded() error {
	opened, concluded := map[string]bool{}, map[string]int{}
	err := w.each(pipelines.WorkHuman, func(m schemas.Message) { opened[m.(*schemas.WorkItem).CaseID] = true })
	if err == nil {
		err = w.each(pipelines.WorkAI, func(m schemas.Message) { opened[m.(*schemas.WorkItem).CaseID] = true })
	}
	if err == nil {
		err = w.each(pipelines.CaseConclusions, func(m schemas.Message) {
			if c, ok := m.(*schemas.CaseConclusion); ok {
				concluded[c.Case.CaseID]++
			}
		})
	}
	if err != nil {
		return err
	}
	for id := range opened {
		if concluded[id] == 0 { // long after its end, the same id may be another case
			return fmt.Errorf("case %s was opened, and never concluded", id)
		}
	}
	return nil
}

// checkOrders counts: every partition has one record of each erasure, and one ledger more than there were seals.
func (w *world) checkOrders() error {
	erased, begun := map[string]int{}, map[string]int32{}
	err := w.each(pipelines.ConductRecords, func(m schemas.Message) {
		p := m.(*schemas.SignedRecord).Payload
		series, _ := record.Generation(p.Ledger)
		switch p.Kind {
		case schemas.RecordKindErasure:
			erased[series]++
		case schemas.RecordKindGenesis:
			begun[series]++
		}
	})
	for p := range w.broker.partitions {
		series := fmt.Sprintf("%s/%d", prefix, p)
		if err == nil && (erased[series] != w.erasures || begun[series] != w.seals+1) {
			err = fmt.Errorf("ledgers %s: %d erasures, of %d ordered; %d generations, after %d seals", series, erased[series], w.erasures, begun[series], w.seals)
		}
	}
	return err
}

// each decodes the messages of a topic, without repeated positions.
func (w *world) each(topic string, fn func(schemas.Message)) error {
	for p := range w.broker.count(topic) {
		seen := stage.Filter{}
		_, err := topics{w.broker}.Read(w.engine.ctx, stage.TopicPartition{Topic: topic, Partition: p}, func(r stage.Record) error {
			m, err := w.actual.codec.Decode(r.Value)
			if err == nil && accept(seen, r) {
				fn(m)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// accept is a reader's rule without the mutant that takes it away.
func accept(seen stage.Filter, r stage.Record) bool {
	if last, ok := seen[r.Position.Partition]; ok && !r.Position.After(last) {
		return false
	}
	seen[r.Position.Partition] = r.Position
	return true
}

// checkTables compares ClickHouse's copies with their topics: each position once, nothing else.
func (w *world) checkTables() error {
	for _, topic := range []string{pipelines.CaseEscalations, pipelines.ConductMetrics, pipelines.ConductAlerts} {
		for p := range w.broker.count(topic) {
			tp := stage.TopicPartition{Topic: topic, Partition: p}
			want := map[stage.Position]bool{}
			_, _ = topics{w.broker}.Read(w.engine.ctx, tp, func(r stage.Record) error {
				want[r.Position] = true
				return nil
			})
			for at := range want {
				if _, ok := w.engine.other[tp][at]; !ok {
					return fmt.Errorf("%s: the message of %v is not in ClickHouse", name(tp), at)
				}
			}
			if len(w.engine.other[tp]) != len(want) {
				return fmt.Errorf("%s: ClickHouse has %d messages, the topic %d", name(tp), len(w.engine.other[tp]), len(want))
			}
		}
	}
	return nil
}

// checkReplay runs each stage once more over what it read, from the start and without faults: it must give the same bytes.
func (w *world) checkReplay() error {
	f := w.actual
	for _, def := range []stage.Definition{
		cases.Definition(f.codec),
		sign.Definition(f.codec, f.keys(), prefix, &disk{world: w, kept: map[string][]byte{}}),
		sign.ManifestDefinition(f.codec, f.keys(), prefix, &disk{world: w, kept: map[string][]byte{}}),
		aggregate.Definition(f.codec, aggregate.Trust{Key: f.signer.Verifier(), Prefix: prefix}, f.metricSigner),
	} {
		n := w.broker.partitions
		if def.Single {
			n = 1
		}
		for p := range n {
			if err := w.replay(def, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// empty is the log of a stage that has written nothing.
type empty struct{ view }

func (e empty) Read(tp stage.TopicPartition, from int64, fn func(stage.Record) error) (int64, error) {
	return 0, nil
}

func (e empty) Last(stage.TopicPartition, string, int32) (stage.Record, bool, error) {
	return stage.Record{}, false, nil
}

func (w *world) replay(def stage.Definition, partition int32) error {
	core, _, err := stage.Start(def, partition, nil, empty{view{world: w, group: "replay"}})
	if err != nil {
		return fmt.Errorf("replay %s: %w", def.Name, err)
	}
	got := map[stage.TopicPartition][]stage.Record{}
	for _, topic := range def.Inputs {
		for q := range w.broker.count(topic) {
			if !def.Single && q != partition {
				continue
			}
			_, err := topics{w.broker}.Read(w.engine.ctx, stage.TopicPartition{Topic: topic, Partition: q}, func(in stage.Record) error {
				out, _, err := core.Step([]stage.Record{in}, false)
				for _, r := range out {
					tp := stage.TopicPartition{Topic: r.Topic, Partition: r.Partition}
					got[tp] = append(got[tp], r)
				}
				return err
			})
			if err != nil {
				return fmt.Errorf("replay %s: %w", def.Name, err)
			}
		}
	}
	for _, topic := range def.Outputs {
		for q := range w.broker.count(topic) {
			tp := stage.TopicPartition{Topic: topic, Partition: q}
			if topic == pipelines.CaseStates || !single[topic] && q != partition {
				continue
			}
			if err := w.same(def.Name, tp, got[tp]); err != nil {
				return err
			}
		}
	}
	return nil
}

// same compares what a stage wrote to a partition with what its replay gives.
func (w *world) same(stageName string, tp stage.TopicPartition, want []stage.Record) error {
	seen := stage.Filter{}
	_, err := topics{w.broker}.Read(w.engine.ctx, tp, func(r stage.Record) error {
		if r.Stage != stageName || !accept(seen, r) {
			return nil
		}
		if len(want) == 0 {
			return fmt.Errorf("%s offset %d: a replay of %s gives no message of %v", name(tp), r.Offset, stageName, r.Position)
		}
		if x := want[0]; x.Position != r.Position || !bytes.Equal(x.Value, r.Value) || !bytes.Equal(x.Key, r.Key) {
			return fmt.Errorf("%s offset %d: a replay of %s gives other bytes of %v: %x, not %x", name(tp), r.Offset, stageName, x.Position, x.Value, r.Value)
		}
		want = want[1:]
		return nil
	})
	if err == nil && len(want) > 0 {
		err = fmt.Errorf("%s: a replay of %s gives %d messages more, from %v on", name(tp), stageName, len(want), want[0].Position)
	}
	return err
}
