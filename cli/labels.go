package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

type labelsCommand struct {
	cluster `embed:""`
}

// Run prints a label for each case that a human has corrected.
func (c *labelsCommand) Run(ctx context.Context) error {
	client, codec, err := c.connect(ctx, "")
	if err != nil {
		return err
	}
	defer client.Close()
	n, err := writeLabels(ctx, log{client, codec}, codec, os.Stdout)
	if err == nil {
		fmt.Fprintf(os.Stderr, "casetrail: %d labels from the corrections in %s\n", n, pipelines.CaseEvents)
	}
	return err
}

// caseLog is the log that labels are read from.
type caseLog interface {
	Partitions(ctx context.Context, topic string) (int32, error)
	Read(ctx context.Context, tp stage.TopicPartition, fn func(stage.Record) error) (start int64, err error)
}

// writeLabels writes CSV with the columns text and case_type: a row for each case whose type a human has named, with the
// message by which the case was typed, or its first where none had content, and the type that was named last. Rows are in the
// order in which the cases began, partition by partition. It goes through case.events twice, and holds in memory only what
// was corrected.
func writeLabels(ctx context.Context, in caseLog, codec *schemas.Codec, to io.Writer) (n int, err error) {
	out := csv.NewWriter(to)
	if err := out.Write([]string{"text", "case_type"}); err != nil {
		return 0, err
	}
	partitions, err := in.Partitions(ctx, pipelines.CaseEvents)
	for p := int32(0); p < partitions && err == nil; p++ {
		tp := stage.TopicPartition{Topic: pipelines.CaseEvents, Partition: p}
		types := map[string]string{}
		err = eachEvent(ctx, in, codec, tp, func(e *schemas.CaseEvent) {
			if e.Kind == schemas.EventKindCaseTypeCorrected {
				types[e.CaseID] = e.CaseType.Value
			}
		})
		if err != nil || len(types) == 0 {
			continue
		}
		type label struct {
			text    string
			content bool
		}
		found := map[string]*label{}
		var order []string
		err = eachEvent(ctx, in, codec, tp, func(e *schemas.CaseEvent) {
			if e.Kind != schemas.EventKindMessage || e.Sender != schemas.SenderCustomer || types[e.CaseID] == "" {
				return
			}
			l := found[e.CaseID]
			if l == nil {
				found[e.CaseID] = &label{e.Text.Value, !e.Bare}
				order = append(order, e.CaseID)
			} else if !l.content && !e.Bare {
				*l = label{e.Text.Value, true}
			}
		})
		for _, id := range order {
			if err := out.Write([]string{found[id].text, types[id]}); err != nil {
				return n, err
			}
			n++
		}
	}
	out.Flush()
	return n, errors.Join(err, out.Error())
}

// eachEvent reads what intake wrote to a partition of case.events.
func eachEvent(ctx context.Context, in caseLog, codec *schemas.Codec, tp stage.TopicPartition, fn func(*schemas.CaseEvent)) error {
	_, err := in.Read(ctx, tp, func(r stage.Record) error {
		name, _, err := codec.Name(r.Value)
		if err != nil || name != "casetrail.CaseEvent" || r.Stage != pipelines.Intake {
			return err
		}
		var e schemas.CaseEvent
		if err := codec.DecodeInto(r.Value, &e); err != nil {
			return fmt.Errorf("%s/%d offset %d: %w", tp.Topic, tp.Partition, r.Offset, err)
		}
		fn(&e)
		return nil
	})
	return err
}
