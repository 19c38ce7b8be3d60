// Command bench measures the whole pipeline, each service a process of its own: chat events a second, CPU by stage, memory,
// latency and what an audit takes, on the embedded stack and on Apache Kafka. It prints tables for docs/performance.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

func main() {
	cases := flag.Int("cases", 60_000, "cases in the throughput run, about ten events each; 0 leaves it out")
	open := flag.Int("open", 1_000_000, "open cases in the run that restores them; 0 leaves it out")
	kinds := flag.String("on", "embedded,kafka", "embedded, kafka or both")
	rate := flag.Int("rate", 2000, "events a second in the latency run; 0 leaves it out")
	seconds := flag.Int("seconds", 20, "length of the latency run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *cases, *open, *rate, *seconds, strings.Split(*kinds, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cases, open, rate, seconds int, kinds []string) error {
	bin, err := os.MkdirTemp("", "casetrail-bin-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	build := exec.CommandContext(ctx, "go", "build", "-o", bin+"/", "./cli", "./services/intake", "./services/router", "./services/record-signer", "./services/aggregator", "./services/clickhouse-sink", "./record/cmd/verify")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w: %s", err, out)
	}
	if err := os.Rename(filepath.Join(bin, "cli"), filepath.Join(bin, "casetrail")); err != nil {
		return err
	}
	fmt.Printf("%s/%s, %d cores, %s\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	for _, kind := range kinds {
		if cases > 0 {
			if err := throughput(ctx, bin, kind, cases); err != nil {
				return err
			}
		}
		if rate > 0 {
			if err := latency(ctx, bin, kind, rate, seconds); err != nil {
				return err
			}
		}
		if open > 0 {
			if err := restore(ctx, bin, kind, open); err != nil {
				return err
			}
		}
	}
	if cases == 0 {
		return nil
	}
	return ledger()
}
