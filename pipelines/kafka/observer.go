package kafka

import (
	"time"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// Observer is told what a Run does, for metrics and logs. Its methods are called from several goroutines, on the path
// of the records, so they must be quick.
type Observer interface {
	// Step reports a step whose outputs are durable.
	Step(s Step)
	// Lag reports how many offsets lie between what a task has taken from an input and that input's end.
	Lag(tp stage.TopicPartition, lag int64)
	// Rebalance reports which partitions this member has from now on; none at the end.
	Rebalance(partitions []int32)
	// Retry reports something that failed and is tried again: what, and why.
	Retry(what string, err error)
}

// Step is what one step of a task did.
type Step struct {
	Partition int32
	In        int // records taken
	Out       int // records written, the changelog's included
	Rejects   int // inputs that went to the dead letters
	Dropped   int // outputs that an earlier run had written already
	Took      time.Duration
	// Age is how long the oldest input of the step had been in its topic when the step's outputs were durable.
	Age time.Duration
}

type nobody struct{}

func (nobody) Step(Step)                       {}
func (nobody) Lag(stage.TopicPartition, int64) {}
func (nobody) Rebalance([]int32)               {}
func (nobody) Retry(string, error)             {}
