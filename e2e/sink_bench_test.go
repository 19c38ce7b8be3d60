package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkSink is what a record costs in blocks of 1,000, in the sink and in the engine, in CPU of both.
func BenchmarkSink(b *testing.B) {
	const block, blocks = 1000, 100
	e := startEngine(b)
	l := newTestLedger(b, 0, 1)
	for range blocks {
		for range block {
			l.now += 1
			l.conclude()
		}
		l.checkpoint()
	}
	for i := 0; b.Loop(); i++ {
		db := e.database(fmt.Sprint("bench", i))
		sink, engine, begin := cpu(b), e.cpu(), time.Now()
		if err := l.sink(db); err != nil {
			b.Fatal(err)
		}
		n := float64(block * blocks)
		b.ReportMetric(float64(time.Since(begin).Microseconds())/n, "us/record")
		b.ReportMetric(float64((cpu(b)-sink).Microseconds())/n, "sink-cpu-us/record")
		b.ReportMetric(float64((e.cpu()-engine).Microseconds())/n, "engine-cpu-us/record")
	}
}

func cpu(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cpu is what the engine's process has used so far.
func (e *engine) cpu() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", e.proc.Pid()))
	if err != nil {
		e.t.Skip("no /proc: the engine's CPU time can't be told")
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	if err1 != nil || err2 != nil {
		e.t.Fatal(err1, err2)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
