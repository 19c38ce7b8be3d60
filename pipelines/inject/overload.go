package inject

// The mutants of what happens when more comes than can be taken, and when releases differ.
const (
	// PublisherUnbounded has a publisher hold whatever it is given.
	PublisherUnbounded Mutant = "publisher-unbounded"
	// AckBeforeDurable has a publisher confirm what it has only queued.
	AckBeforeDurable Mutant = "ack-before-durable"
	// RefusedButTaken has intake's HTTP answer 429 to events that it has taken.
	RefusedButTaken Mutant = "refused-but-taken"
	// SinkReadsOn has the sink read on while ClickHouse is away.
	SinkReadsOn Mutant = "sink-reads-on"
	// StepUnbounded has a step take all of a batch, however much that causes.
	StepUnbounded Mutant = "step-unbounded"
	// PauseOff has a stage read on in an input that its handler can do without.
	PauseOff Mutant = "pause-off"
	// LearnOff has a stage take messages of another release for messages of nobody.
	LearnOff Mutant = "learn-off"
)
