// Package verify checks what Casetrail promises, from topics and ClickHouse alone and never from a service's memory: that the
// ledger is whole, that it says what happened, and that what is published and stored is what it says.
package verify

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// Topics is the log to check.
type Topics interface {
	// Partitions is how many partitions a topic has.
	Partitions(ctx context.Context, topic string) (int32, error)
	// Read calls fn for every record of a partition from its start to its end at the time of the call, and returns the
	// offset of the first record that is still there.
	Read(ctx context.Context, tp stage.TopicPartition, fn func(stage.Record) error) (start int64, err error)
}

// Options are what a check needs.
type Options struct {
	Topics   Topics
	Codec    *schemas.Codec
	Trusted  note.Verifier // the ledger's first key
	Rows     Rows          // ClickHouse; nil to leave it out
	Deep     bool          // also the invariants over chat.events, case.events and work: see Check
	Progress func(what string, done int64)
}

// Report is what was checked, and what was found.
type Report struct {
	Records    int64
	Partitions int
	Root       record.Hash
	Checks     []Check
}

// Check is one thing that was checked.
type Check struct {
	Name   string // the invariant, such as I2, and what it says
	Count  int64  // over how many things
	Faults []string
	Left   string // why it was left out, where it was
}

// maxFaults is how many faults of one check are told; the rest are counted.
const maxFaults = 5

func (c *Check) fault(format string, a ...any) {
	if len(c.Faults) < maxFaults {
		c.Faults = append(c.Faults, fmt.Sprintf(format, a...))
	} else if len(c.Faults) == maxFaults {
		c.Faults = append(c.Faults, "and more")
	}
}

// ErrFaults says that something did not hold.
var ErrFaults = errors.New("not verified")

// Err is nil if everything held.
func (r *Report) Err() error {
	for _, c := range r.Checks {
		if len(c.Faults) > 0 {
			return fmt.Errorf("%w: %s: %s", ErrFaults, c.Name, c.Faults[0])
		}
	}
	return nil
}

// Run checks everything that the options allow:
//
//	I1  every conclusion has one record, every amendment too, and no case has two
//	I2  every ledger is one chain under its checkpoints; every signature is valid
//	I3  every MetricRecord is what the ledger gives, each window once
//	I4  ClickHouse's rows are the ledger's, and its windows are the MetricRecords
//	I5  every offset of chat.events is taken, a duplicate, or rejected with a reason
//	I6  no work for an AI on a case that is a human's; one Escalation for each tripwire that fired
//
// I2 and I4's rows are checked always, the rest if Deep. The error is about reading, not about what was found; see Err.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Progress == nil {
		o.Progress = func(string, int64) {}
	}
	r := &Report{}
	l, err := readLedgers(ctx, o, r)
	if err != nil {
		return nil, err
	}
	if o.Rows != nil {
		if err := checkRows(ctx, o, l, r); err != nil {
			return nil, err
		}
	}
	if !o.Deep {
		return r, nil
	}
	for _, check := range []func(context.Context, Options, *ledgers, *Report) error{checkConclusions, checkMetrics, checkEvents, checkWork} {
		if err := check(ctx, o, l, r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// each reads all partitions of a topic. It returns whether the topic is still there from its first record on.
func each(ctx context.Context, o Options, topic string, fn func(stage.Record) error) (whole bool, err error) {
	n, err := o.Topics.Partitions(ctx, topic)
	if err != nil {
		return false, err
	}
	whole = true
	for p := range n {
		var count int64
		start, err := o.Topics.Read(ctx, stage.TopicPartition{Topic: topic, Partition: p}, func(r stage.Record) error {
			if count++; count%1000 == 0 {
				o.Progress(topic, 1000)
			}
			return fn(r)
		})
		if err != nil {
			return false, fmt.Errorf("read %s/%d: %w", topic, p, err)
		}
		whole = whole && start == 0
	}
	return whole, nil
}
