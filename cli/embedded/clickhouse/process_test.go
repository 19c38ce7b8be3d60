package clickhouse

import (
	"net/http"
	"testing"
)

func TestStartAndStop(t *testing.T) {
	dir := t.TempDir()
	p := mustStart(t, dir)
	resp, err := http.Get(p.URL() + "/ping")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
	want(t, p, "UTC\n", "SELECT timezone()")
	want(t, p, "Atomic\n", "SELECT engine FROM system.databases WHERE name='default'")
	exec1(t, p, "CREATE TABLE t (x UInt64) ENGINE=MergeTree ORDER BY x", "INSERT INTO t VALUES (1),(2)")
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	p = mustStart(t, dir)
	want(t, p, "2\t3\n", "SELECT count(), sum(x) FROM t")
}
