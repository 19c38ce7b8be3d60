package e2e

import (
	"strings"
	"testing"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// TestPipelineMutants shows that the checker catches things: what it held to be whole is tampered with in one place after
// the other, and it must say where. The services are not there to mend or to spread it.
func TestPipelineMutants(t *testing.T) {
	onBothStacks(t, func(t *testing.T, kind harness.Kind) {
		p := harness.Start(t, kind, harness.Options{EventClock: true})
		p.Casetrail("replay", "--conversations", "100")
		proven(t, p, 100)
		for _, name := range harness.Services {
			p.Service(name, 0).Stop()
		}
		p.Settle(p.Database(t)) // by what is stored alone
		known := ""
		for _, m := range []struct {
			name   string
			tamper func(*testing.T, *harness.Pipeline)
			says   []string
		}{
			{"a window that is changed", changeWindow, []string{"DOES NOT HOLD  I4 ClickHouse's windows are the MetricRecords", "ClickHouse has segment"}},
			{"a row that is deleted", deleteRow, []string{"DOES NOT HOLD  I4 ClickHouse's rows are the ledger's", "ledger casetrail/e2e/1/1: sequence 4 where 3 is due"}},
			{"a metric that is forged", forgeMetric, []string{"DOES NOT HOLD  I3", ": published, but the ledger gives no such window"}},
			{"an escalation too many", repeatEscalation, []string{"DOES NOT HOLD  I6", "case.escalations/"}},
			{"a forged record", forgeRecord, []string{"DOES NOT HOLD  I2", "ledger casetrail/e2e/0/1 sequence "}},
			{"a record that is written twice", repeatRecord, nil},
		} {
			t.Run(m.name, func(t *testing.T) {
				m.tamper(t, p.In(t))
				out, said, code := p.In(t).Try("verify", "--deep")
				for _, s := range m.says {
					if strings.Contains(known, s) || !strings.Contains(out, s) || code != 1 || !strings.Contains(said, "not verified") || strings.Contains(out, "ledger verified") {
						t.Errorf("exit code %d, and no word of %q in:\n%s", code, s, out)
					}
				}
				now := faults(out)
				if m.says == nil && now != known { // what every reader drops is no fault
					t.Errorf("a duplicate is a fault:\n%s", out)
				}
				known = now
			})
		}
	})
}

// faults is what does not hold.
func faults(out string) string {
	var bad []string
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "holds") && !strings.Contains(line, "copies of earlier ones") {
			bad = append(bad, line)
		}
	}
	return strings.Join(bad, "")
}

// last is the last message of a topic's partition that fits.
func last(t *testing.T, p *harness.Pipeline, topic string, partition int32, fits func(schemas.Message) bool) (out stage.Record) {
	t.Helper()
	p.Read(topic, func(r stage.Record, m schemas.Message) {
		if r.Partition == partition && fits(m) {
			out = r
		}
	})
	if out.Topic == "" {
		t.Fatalf("nothing in %s/%d to tamper with", topic, partition)
	}
	return out
}

func whatever(schemas.Message) bool { return true }

// write puts a message into a topic as whoever gets at the broker could.
func write(t *testing.T, p *harness.Pipeline, r stage.Record) {
	t.Helper()
	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	c := &kafkago.Client{Addr: kafkago.TCP(p.Brokers...), Transport: transport}
	_, err := c.Produce(t.Context(), &kafkago.ProduceRequest{Topic: r.Topic, Partition: int(r.Partition), RequiredAcks: kafkago.RequireAll,
		Records: kafkago.NewRecordReader(kafkago.Record{Key: kafkago.NewBytes(r.Key), Value: kafkago.NewBytes(r.Value),
			Headers: []kafkago.Header{{Key: stage.PositionHeader, Value: stage.AppendPosition(nil, r.Stage, r.Position)}}})})
	if err != nil {
		t.Fatal(err)
	}
}

func forgeRecord(t *testing.T, p *harness.Pipeline) {
	r := last(t, p, pipelines.ConductRecords, 0, whatever)
	r.Value[len(r.Value)/2] ^= 1
	write(t, p, r)
}

func repeatRecord(t *testing.T, p *harness.Pipeline) {
	write(t, p, last(t, p, pipelines.ConductRecords, 2, whatever))
}

func forgeMetric(t *testing.T, p *harness.Pipeline) {
	r := last(t, p, pipelines.ConductMetrics, 0, func(m schemas.Message) bool {
		x, ok := m.(*schemas.MetricRecord)
		return ok && x.Window == "1h" && len(x.Segments) > 0
	})
	var m schemas.MetricRecord
	if err := p.Codec.DecodeInto(r.Value, &m); err != nil {
		t.Fatal(err)
	}
	m.Segments[0].Complaints++
	r.Value = p.Codec.Append(nil, pipelines.ConductMetrics, &m)
	r.Position = last(t, p, pipelines.ConductMetrics, 0, whatever).Position
	r.Position.Ordinal++
	write(t, p, r)
}

func repeatEscalation(t *testing.T, p *harness.Pipeline) {
	for partition := range int32(4) {
		found := false
		p.Read(pipelines.CaseEscalations, func(r stage.Record, _ schemas.Message) { found = found || r.Partition == partition })
		if found {
			r := last(t, p, pipelines.CaseEscalations, partition, whatever)
			r.Position.Ordinal += 50 // said again, by another position
			write(t, p, r)
			return
		}
	}
	t.Fatal("no escalation")
}

func deleteRow(t *testing.T, p *harness.Pipeline) {
	if err := p.Database(t).Exec(t.Context(), "ALTER TABLE records DELETE WHERE partition = 1 AND sequence = 3 SETTINGS mutations_sync = 2"); err != nil {
		t.Fatal(err)
	}
}

func changeWindow(t *testing.T, p *harness.Pipeline) {
	if err := p.Database(t).Exec(t.Context(), "ALTER TABLE segment_panes_1h DELETE WHERE case_type = 'unknown' SETTINGS mutations_sync = 2"); err != nil {
		t.Fatal(err)
	}
}
