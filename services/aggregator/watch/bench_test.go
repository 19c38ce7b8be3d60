package watch

import (
	"runtime"
	"testing"
)

// BenchmarkHour is what an hour of 24 segments costs: divide by its cases. It also says how many bytes a monitor holds.
func BenchmarkHour(b *testing.B) {
	c := policy()
	c.Groups = []Group{{"ai_handles", []string{"a", "b", "c", "d"}}, {"human_only", []string{"e", "f", "g", "h"}}}
	rows := func(hour int64) (out []Row) {
		for _, g := range c.Groups {
			for _, typ := range g.Types {
				for i, h := range handlers {
					n := int64(20*(3-i)) + hour%5
					out = append(out, Row{typ, h, Counts{Cases: n, Complaints: hour % 3, Escalated: n / 9, Repeats: 1 + hour%2, CSAT: [5]int64{hour % 2, 1, hour % 3, 4, 9 + hour%7}}})
				}
			}
		}
		return out
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := New(c)
	hour := int64(480_000)
	for range 200 * 24 {
		m.Hour(hour, rows(hour))
		hour++
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	held := float64(after.HeapAlloc) - float64(before.HeapAlloc)
	one := rows(hour)
	for b.Loop() {
		m.Hour(hour, one)
		hour++
	}
	b.ReportMetric(held, "B-held")
	b.ReportMetric(float64(len(m.ladder.panes)), "panes")
	b.ReportMetric(float64(len(m.tests)), "tests")
	runtime.KeepAlive(m)
}
