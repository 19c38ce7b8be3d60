package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/schemas"
)

const policyFile = "pipelines/policies/default.yaml"

// prepare puts the policy in force and leaves the services stopped, with their topics, tables and groups made.
func (w *world) prepare(ctx context.Context) error {
	if err := w.startAll(ctx); err != nil {
		return err
	}
	err := w.run(ctx, "policy", "apply", policyFile, "--key", filepath.Join(w.dir, "operator.key"), "--kafka-brokers", w.brokers[0], "--schema-registry", w.registry)
	w.stopServices()
	return err
}

// fill publishes the events of cases and returns how many there are.
func (w *world) fill(ctx context.Context, cases int, open bool) (int, error) {
	l, err := newLoad(w.codec, fmt.Sprint("bench-", open))
	if err != nil {
		return 0, err
	}
	pub := kafka.NewPublisher(w.client, nil)
	defer pub.Close()
	total := 0
	var batch []schemas.ChatEvent
	for i := range cases {
		id, events := l.next(open)
		if open {
			events = asks(id)[:1]
		}
		batch = append(batch, events...)
		if len(batch) >= 4000 || i == cases-1 {
			if err := pub.Publish(ctx, l.records(batch)); err != nil {
				return 0, err
			}
			total += len(batch)
			batch = batch[:0]
		}
	}
	return total, nil
}

// throughput lets the services catch up with a topic full of events, from nothing to the last row in ClickHouse.
func throughput(ctx context.Context, bin, kind string, cases int) error {
	w, err := begin(ctx, bin, kind)
	if w != nil {
		defer w.end()
	}
	if err != nil {
		return err
	}
	if err := w.prepare(ctx); err != nil {
		return err
	}
	events, err := w.fill(ctx, cases, false)
	if err != nil {
		return err
	}
	for _, p := range w.infra {
		p.cpu = cpuSeconds(p.pid)
	}
	begin := time.Now()
	for _, name := range services { // all at once: none waits for another
		if err := w.start(ctx, name); err != nil {
			return err
		}
	}
	for {
		var n uint64
		if err := w.db.QueryRow(ctx, "SELECT count() FROM records WHERE kind = 'case'").Scan(&n); err != nil {
			return err
		}
		if int(n) == cases {
			break
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
	took := time.Since(begin).Seconds()
	fmt.Printf("\n## Throughput, %s: %d events of %d cases\n\n| process | CPU s per million events | peak MiB |\n|---|---|---|\n", kind, events, cases)
	sum := 0.0
	for _, p := range w.procs() {
		used := (cpuSeconds(p.pid) - p.cpu) / float64(events) * 1e6
		sum += used
		fmt.Printf("| %s | %.1f | %.0f |\n", p.name, used, peakMiB(p.pid))
	}
	fmt.Printf("| **all** | **%.1f** | |\n\n%.0f events a second, end to end (%.1f s, starts included)\n", sum, float64(events)/took, took)
	w.stopServices()
	return audit(ctx, w)
}
