package kafka

import (
	"testing"
	"time"
)

func TestRunCountsOnce(t *testing.T) {
	_, cfg := cluster(t, 4, "in", "out", "state")
	c := client(t, cfg)
	publish(t, c, "in", 0, 5000)
	r := start(t, cfg, counting("in", "out", "state"))
	eventually(t, "all counted", func() bool { return r.watch.total().In == 5000 })
	publish(t, c, "in", 5000, 1000)
	eventually(t, "all counted", func() bool { return r.watch.total().In == 6000 })
	began := time.Now()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("stopping took %v", d)
	}
	publish(t, c, "in", 6000, 1000)
	r = start(t, cfg, counting("in", "out", "state"))
	eventually(t, "the rest counted", func() bool { return r.watch.total().In == 1000 })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	verifyCounts(t, contents(t, c, "out"), 7000)
	if n := r.watch.total().Dropped; n != 0 {
		t.Errorf("%d outputs dropped after a clean stop", n)
	}
}
