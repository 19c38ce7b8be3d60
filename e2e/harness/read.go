package harness

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/casetrail/casetrail/cli/replay"
	"github.com/casetrail/casetrail/cli/verify"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// End is how many offsets a topic's partitions have come to, together.
func (p *Pipeline) End(topic string) (sum int64) {
	p.t.Helper()
	bounds, err := p.Client.Offsets(p.t.Context(), topic)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, b := range bounds {
		sum += b.End
	}
	return sum
}

// Read calls fn for every message of a topic; with nil for one that is none.
func (p *Pipeline) Read(topic string, fn func(stage.Record, schemas.Message)) {
	p.t.Helper()
	err := p.Client.ReadAll(p.t.Context(), topic, func(r stage.Record) error {
		m, err := p.Codec.Decode(r.Value)
		if err != nil {
			m = nil
		}
		fn(r, m)
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// Publish writes values to a topic, as a producer would that knows nothing of Casetrail but the key.
func (p *Pipeline) Publish(topic string, key string, values ...[]byte) error {
	pub := kafka.NewPublisher(p.Client, nil)
	defer pub.Close()
	recs := make([]stage.Record, len(values))
	for i, v := range values {
		recs[i] = stage.Record{Topic: topic, Key: []byte(key), Value: v}
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	return pub.Publish(ctx, recs)
}

// Database opens ClickHouse as an analyst would.
func (p *Pipeline) Database(t testing.TB) driver.Conn {
	t.Helper()
	opt, err := clickhouse.ParseDSN(p.ClickHouse + "/casetrail")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Count is the answer of a query that gives one number.
func (p *Pipeline) Count(db driver.Conn, query string, args ...any) (n uint64) {
	p.t.Helper()
	if err := db.QueryRow(p.t.Context(), query, args...).Scan(&n); err != nil {
		p.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// Settle waits until ClickHouse is complete up to the latest time in chat.events: the end of a replay.
func (p *Pipeline) Settle(db driver.Conn) {
	p.t.Helper()
	until, err := replay.Now(p.t.Context(), p.Client, p.Codec)
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Minute)
	defer cancel()
	if err := (verify.ClickHouse{Conn: db}).Wait(ctx, until); err != nil {
		p.t.Fatal(err)
	}
}

// Settled tells whether ClickHouse is complete up to the latest time in chat.events, and asks once.
func (p *Pipeline) Settled(db driver.Conn) bool {
	p.t.Helper()
	until, err := replay.Now(p.t.Context(), p.Client, p.Codec)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Second)
	defer cancel()
	return (verify.ClickHouse{Conn: db}).Wait(ctx, until) == nil
}

// Verify runs casetrail verify --deep, which must hold, and soon with nothing still to come: call it when all flow has
// ended.
func (p *Pipeline) Verify() (out string) {
	p.t.Helper()
	Eventually(p.t, "nothing is still to come", startTime, func() bool {
		if out = p.Casetrail("verify", "--deep"); !strings.Contains(out, "ledger verified: ") {
			p.t.Fatalf("no verdict in:\n%s", out)
		}
		return !strings.Contains(out, "still to come")
	})
	return out
}

// Written are the topics in which no position may stand twice.
var Written = []string{pipelines.CaseEvents, pipelines.WorkAI, pipelines.WorkHuman, pipelines.CaseEscalations, pipelines.CaseConclusions,
	pipelines.ConductRecords, pipelines.ConductCheckpoints, pipelines.ConductManifest, pipelines.ConductMetrics, pipelines.ConductAlerts}

// Duplicates are the positions that stand in a topic more than once: what a crash or a zombie wrote a second time. Ticks
// count for nothing: intake says by its last position that nothing has come since.
func (p *Pipeline) Duplicates(topic string) (out []string) {
	p.t.Helper()
	type place struct {
		partition int32
		stage     string
		position  stage.Position
	}
	seen := map[place]int64{}
	err := p.Client.ReadAll(p.t.Context(), topic, func(r stage.Record) error {
		if name, _, err := p.Codec.Name(r.Value); err == nil && name == "casetrail.Tick" {
			return nil
		}
		at := place{r.Partition, r.Stage, r.Position}
		if first, ok := seen[at]; ok && r.Stage != "" {
			out = append(out, fmt.Sprintf("%s/%d: %s %v at offsets %d and %d", topic, r.Partition, r.Stage, r.Position, first, r.Offset))
		}
		seen[at] = r.Offset
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}
