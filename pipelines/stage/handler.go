// Package stage is what all services share: a service is a pure function of its log, given one record at a time and
// returning the records that it causes. The package knows no broker, reads no clock and does no I/O of its own; the
// adapters in pipelines/kafka drive it in production, and tests drive it in memory.
package stage

import "errors"

// Handler is a whole service for one partition: no I/O, no clock, no logger, no map order in its output.
type Handler interface {
	// Recover is called once, before the first Handle, when no other owner can write to the outputs any more. It
	// restores the handler's state from the log and returns where to go on: the next offset of each input. An input
	// that it leaves out is read from its start.
	Recover(log Log) (map[TopicPartition]int64, error)

	// Handle returns what in causes, in order, each with its topic, partition and position. The slice may
	// be used again at the next call; the bytes that it points to belong to the caller. An error that wraps ErrReject sends the input to the dead letters
	// after the outputs returned beside it; any other error stops the stage.
	Handle(in Record) ([]Record, error)
}

// Checkpointer is a Handler with a changelog: Checkpoint is called after the inputs of a step, and what it returns is
// written after all other outputs of that step are durable, as one batch, all or nothing. All of it must have one
// topic and partition.
type Checkpointer interface {
	Handler
	Checkpoint() []Record
}

// Weigher is a Checkpointer that knows how large its changelog has become since the last Checkpoint: no less than what
// Checkpoint would return, in bytes. Its steps end before that is too large to be written as one batch.
type Weigher interface {
	Checkpointer
	Weight() int
}

// Pauser is a Handler of several inputs that can do without some of them for now, so that none is read ahead of another
// without bound. Pause is asked after every step; what it names is not fetched until it names it no more. It must leave one
// that what it holds is waiting for.
type Pauser interface {
	Handler
	Pause() []TopicPartition
}

// Ticker is a Handler that puts time into the log (intake alone does). Tick is called at the end of every step and at
// least once a second when there is nothing to read; caughtUp tells whether the step reached the end of the input.
type Ticker interface {
	Handler
	Tick(caughtUp bool) []Record
}

// ErrReject marks an input that no one could handle, as against a fault of the stage itself.
var ErrReject = errors.New("rejected")

// ErrOversize marks an input that is too large to be read.
var ErrOversize = errors.New("too large to be read")

// TopicPartition names one partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Log is what a handler may read while it recovers. What it shows is final: every earlier owner is fenced, and
// everything that one wrote is in it.
type Log interface {
	// Read calls fn for the records of a partition from an offset (or from its start, where that is later) to its end,
	// in order, and returns the offset after the end. It stops at fn's first error and returns it.
	Read(tp TopicPartition, from int64, fn func(Record) error) (next int64, err error)
	// Last returns the last record that the named stage wrote for the source partition, going back from the end.
	Last(tp TopicPartition, stage string, source int32) (rec Record, ok bool, err error)
	// Committed returns the group's committed offset: a hint, never the truth. False where there is none.
	Committed(tp TopicPartition) (offset int64, ok bool, err error)
	// Partitions returns how many partitions a topic has.
	Partitions(topic string) (int32, error)
}
