package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	client "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

func connect(t testing.TB, p *Process, method client.CompressionMethod) driver.Conn {
	t.Helper()
	c, err := client.Open(&client.Options{
		Addr: []string{strings.TrimPrefix(p.URL(), "http://")}, Protocol: client.HTTP,
		Compression: &client.Compression{Method: method},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

type sample struct {
	ID     uint64            `ch:"id"`
	Tags   []string          `ch:"tags"`
	Score  *float64          `ch:"score"`
	Kind   string            `ch:"kind"`
	Attrs  map[string]string `ch:"attrs"`
	At     time.Time         `ch:"at"`
	Digest string            `ch:"digest"`
}

const sampleTable = `CREATE TABLE samples (id UInt64, tags Array(String), score Nullable(Float64), kind LowCardinality(String),
	attrs Map(String, String), at DateTime64(3, 'UTC'), digest FixedString(4)) ENGINE = MergeTree ORDER BY id`

func samples(from, n int) []sample {
	out := make([]sample, n)
	for i := range out {
		id := from + i
		out[i] = sample{ID: uint64(id), Tags: []string{"a", fmt.Sprint(id)}, Kind: fmt.Sprint("kind", id%3),
			Attrs: map[string]string{"k": fmt.Sprint(id)}, At: time.UnixMilli(1_700_000_000_123 + int64(id)).UTC(), Digest: fmt.Sprintf("%04d", id%10000)}
		if id%2 == 0 {
			out[i].Score = new(float64)
			*out[i].Score = float64(id) / 2
		}
	}
	return out
}

func insert(ctx context.Context, c driver.Conn, rows []sample) error {
	b, err := c.PrepareBatch(ctx, "INSERT INTO samples")
	if err != nil {
		return err
	}
	for i := range rows {
		if err := b.AppendStruct(&rows[i]); err != nil {
			return err
		}
	}
	return b.Send()
}

func withToken(name string) context.Context {
	return client.Context(context.Background(), client.WithSettings(client.Settings{"insert_deduplication_token": name}))
}

func TestClient(t *testing.T) {
	p := mustStart(t, t.TempDir())
	for _, method := range []client.CompressionMethod{client.CompressionNone, client.CompressionLZ4, client.CompressionZSTD, client.CompressionGZIP} {
		t.Run(method.String(), func(t *testing.T) {
			c := connect(t, p, method)
			exec1(t, p, "DROP TABLE IF EXISTS samples SYNC", sampleTable)
			rows := samples(0, 70_000) // more than a block
			if err := insert(t.Context(), c, rows); err != nil {
				t.Fatal(err)
			}
			var got []sample
			if err := c.Select(t.Context(), &got, "SELECT * FROM samples ORDER BY id"); err != nil {
				t.Fatal(err)
			}
			if len(got) != len(rows) {
				t.Fatalf("%d rows of %d", len(got), len(rows))
			}
			for i := range rows {
				if a, b := fmt.Sprintf("%+v", plain(rows[i])), fmt.Sprintf("%+v", plain(got[i])); a != b {
					t.Fatalf("\n got %s\nwant %s", b, a)
				}
			}
			var n uint64
			if err := c.QueryRow(t.Context(), "SELECT count() FROM samples WHERE kind = {kind:String}", client.Named("kind", "kind1")).Scan(&n); err != nil || n != 23_333 {
				t.Error(n, err)
			}
			err := c.Exec(t.Context(), "SELECT * FROM nothing")
			if err == nil || !strings.Contains(err.Error(), "60") {
				t.Error(err)
			}
		})
	}
}

// plain shows a row with what its pointers point to.
func plain(s sample) [7]any {
	score := "NULL"
	if s.Score != nil {
		score = fmt.Sprint(*s.Score)
	}
	return [7]any{s.ID, s.Tags, score, s.Kind, s.Attrs, s.At.UnixMilli(), s.Digest}
}

// A batch with a token counts once, in its table and in the view that hangs on it.
func TestTokens(t *testing.T) {
	p := mustStart(t, t.TempDir())
	c := connect(t, p, client.CompressionLZ4)
	exec1(t, p, sampleTable,
		"CREATE TABLE sums (kind String, n AggregateFunction(count), u AggregateFunction(uniq, UInt64)) ENGINE = AggregatingMergeTree ORDER BY kind",
		"CREATE MATERIALIZED VIEW to_sums TO sums AS SELECT kind, countState() AS n, uniqState(id) AS u FROM samples GROUP BY kind")
	both := "SELECT (SELECT count() FROM samples), (SELECT countMerge(n) FROM sums), (SELECT uniqMerge(u) FROM sums)"
	for range 3 {
		if err := insert(withToken("ledger/0-99"), c, samples(0, 100)); err != nil {
			t.Fatal(err)
		}
		want(t, p, "100\t100\t100\n", both)
	}
	if err := insert(withToken("ledger/100-199"), c, samples(100, 100)); err != nil {
		t.Fatal(err)
	}
	want(t, p, "200\t200\t200\n", both)
}

func BenchmarkInsert(b *testing.B) {
	p := mustStart(b, b.TempDir())
	c := connect(b, p, client.CompressionLZ4)
	exec1(b, p, sampleTable)
	for _, size := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			rows := samples(0, size)
			for b.Loop() {
				if err := insert(b.Context(), c, rows); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
