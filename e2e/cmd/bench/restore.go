package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/schemas"
)

// restore opens very many cases and leaves them open, kills the router, and measures how long its successor takes until it
// routes in every partition again, and in what memory.
func restore(ctx context.Context, bin, kind string, open int) error {
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
	if _, err := w.fill(ctx, open, true); err != nil {
		return err
	}
	if err := w.startAll(ctx); err != nil {
		return err
	}
	if err := w.routed(ctx, int64(open)); err != nil {
		return err
	}
	fmt.Printf("\n## %d open cases, %s\n\n| process | peak MiB |\n|---|---|\n", open, kind)
	for _, p := range w.procs() {
		fmt.Printf("| %s | %.0f |\n", p.name, peakMiB(p.pid))
	}
	router := w.services["router"]
	if err := router.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	_ = router.cmd.Wait() // killed
	delete(w.services, "router")
	states, err := w.ends(ctx, pipelines.CaseStates)
	if err != nil {
		return err
	}
	before, err := w.ends(ctx, pipelines.WorkAI, pipelines.WorkHuman)
	if err != nil {
		return err
	}
	counts, err := w.client.Partitions(ctx, pipelines.WorkAI, pipelines.WorkHuman)
	if err != nil {
		return err
	}
	claims := int64(counts[pipelines.WorkAI] + counts[pipelines.WorkHuman]) // a new owner leaves one mark in each
	// Fresh cases in every partition are what shows that it works again.
	const fresh = 64
	l, err := newLoad(w.codec, "fresh")
	if err != nil {
		return err
	}
	var events []schemas.ChatEvent
	for range fresh {
		id, _ := l.next(true)
		events = append(events, asks(id)[0])
	}
	pub := kafka.NewPublisher(w.client, nil)
	defer pub.Close()
	if err := pub.Publish(ctx, l.records(events)); err != nil {
		return err
	}
	began := time.Now()
	if err := w.start(ctx, "router"); err != nil {
		return err
	}
	if err := w.routed(ctx, before+claims+fresh); err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	p := w.services["router"]
	fmt.Printf("\nrouter killed and started again: %.1f s until it routes in every partition (%d messages in case.state, %.0f open cases a second, %.1f CPU s), peak %.0f MiB: %.0f bytes an open case\n",
		took, states, float64(open)/took, cpuSeconds(p.pid), peakMiB(p.pid), peakMiB(p.pid)*(1<<20)/float64(open))
	return nil
}

// routed waits until there is so much work.
func (w *world) routed(ctx context.Context, n int64) error {
	for {
		done, err := w.ends(ctx, pipelines.WorkAI, pipelines.WorkHuman)
		if err != nil || done >= n {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// ends are how many offsets topics have come to, over all partitions.
func (w *world) ends(ctx context.Context, topics ...string) (sum int64, err error) {
	for _, topic := range topics {
		bounds, err := w.client.Offsets(ctx, topic)
		if err != nil {
			return 0, err
		}
		for _, b := range bounds {
			sum += b.End
		}
	}
	return sum, nil
}
