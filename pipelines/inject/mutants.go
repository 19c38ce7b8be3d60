// Package inject is where tests put faults into a service that is otherwise the one that is shipped: mutants, which take
// one guarantee out so that a test can show that it notices, and crash points, at which a process kills itself. Only a
// build with the tag inject has them; in any other, Mutant is false and Crash is nothing, and the compiler removes both.
package inject

// A Mutant is a guarantee taken out. At most one is on at a time.
type Mutant string

// The mutants. Each says what it takes out; what must notice it is in e2e/cmd/mutants.
const (
	// PositionFilterOff has a stage write again what its outputs show it to have written before.
	PositionFilterOff Mutant = "position-filter-off"
	// TickBehind has a stage that goes through what it has written write ticks below it.
	TickBehind Mutant = "tick-behind"
	// ReplicaClock has intake judge an event's time by the clock of whoever reads it.
	ReplicaClock Mutant = "replica-clock"
	// ReaderFilterOff has a reader take messages whose position it has applied already.
	ReaderFilterOff Mutant = "reader-filter-off"
	// FenceOff has a new owner claim its outputs without markers in them, so that an older owner's late write is taken.
	FenceOff Mutant = "fence-off"
	// ClaimNotAwaited has a new owner recover from what is in its outputs before the markers are.
	ClaimNotAwaited Mutant = "claim-not-awaited"
	// IdempotenceOff gives a write that is tried again new sequence numbers, so that the broker takes it twice.
	IdempotenceOff Mutant = "idempotence-off"
	// GroupOffset has a task go on from the group's committed offset and not from where its outputs show it to be.
	GroupOffset Mutant = "group-offset"
	// StateFirst writes the changelog before the outputs that it speaks of.
	StateFirst Mutant = "state-first"
	// StateInPieces writes the changelog of one step as several batches.
	StateInPieces Mutant = "state-in-pieces"
	// RetriableIsFinal ends a stage at an error of the broker that passes.
	RetriableIsFinal Mutant = "retriable-is-final"
	// TailNotLookedFor writes on to a log that may have lost its tail.
	TailNotLookedFor Mutant = "tail-not-looked-for"
	// FinalIsRetried tries for ever what only an operator can mend.
	FinalIsRetried Mutant = "final-is-retried"
	// CertaintyNotAsked gives the AI every case of an AI's type, however uncertain the classifier is of it.
	CertaintyNotAsked Mutant = "certainty-not-asked"
	// WaitsForEver leaves a case with the AI for as long as the customer says nothing of the matter.
	WaitsForEver Mutant = "waits-for-ever"
	// GreetingCounts counts an AI's greeting as its work, on a case that turns out a human's too.
	GreetingCounts Mutant = "greeting-counts"
	// CorrectionNotHeard leaves with the AI a case that a human says it may not have.
	CorrectionNotHeard Mutant = "correction-not-heard"
	// FailsOpen believes an external classifier whatever it answers.
	FailsOpen Mutant = "fails-open"
	// DeduplicationOff has ClickHouse take a block that is sent again as a new one.
	DeduplicationOff Mutant = "deduplication-off"
	// RejectLost lets a step go on after a dead letter, of a stage that goes on from its last output.
	RejectLost Mutant = "reject-lost"
	// BlocksByTime names a block by the minute in which it is sent, and not by what it holds.
	BlocksByTime Mutant = "blocks-by-time"
	// SpentTokens takes a block for inserted whose token ClickHouse had noted before it was killed, and whose rows it has not.
	SpentTokens Mutant = "spent-tokens"
	// PolicyNotRead has the sink take every policy's measures for those that ship.
	PolicyNotRead Mutant = "policy-not-read"
	// TimeNotBinned has the sink write a duration itself where its bin belongs.
	TimeNotBinned Mutant = "time-not-binned"
	// HeadFirst writes a checkpoint to ClickHouse before its records.
	HeadFirst Mutant = "head-first"
	// CheckpointNotKept has the record-signer remember no checkpoint outside Kafka.
	CheckpointNotKept Mutant = "checkpoint-not-kept"
	// SignsOnWithTheOldKey has the record-signer sign with its first key after a rotation to another one.
	SignsOnWithTheOldKey Mutant = "signs-on-with-the-old-key"
	// ShorterLedger has the record-signer go on where the ledger is shorter than what it published.
	ShorterLedger Mutant = "shorter-ledger"
	// CommitFirst commits an alert's offset before the receiver has the alert.
	CommitFirst Mutant = "commit-first"
	// RepeatsForgotten has the aggregator take no case for a repeat.
	RepeatsForgotten Mutant = "repeats-forgotten"
	// PolicyEarly has a policy measure as soon as one ledger has it.
	PolicyEarly Mutant = "policy-early"
	// BinsKept leaves the durations of what has left a window in its percentiles.
	BinsKept Mutant = "bins-kept"
	// MetricUnchecked has nobody look at the signatures of metric records.
	MetricUnchecked Mutant = "metric-unchecked"
	// ConductBelieved has the checker believe what the ledger says of breaches and of requests for a human, whatever case.events says.
	ConductBelieved Mutant = "conduct-believed"
	// ManifestPartial leaves the last partition out of every leaf of the manifest.
	ManifestPartial Mutant = "manifest-partial"
	// ManifestEarly makes a leaf of the manifest before every ledger has passed its end.
	ManifestEarly Mutant = "manifest-early"
	// GenerationUnlinked has the checker take a later generation of a ledger without asking that it goes on after the seal of the one before.
	GenerationUnlinked Mutant = "generation-unlinked"
	// KeyNotErased leaves an erased customer's row in the customer key.
	KeyNotErased Mutant = "key-not-erased"
	// ErasurePlayedAgain has a ledger follow an order to erase as often as somebody plays it.
	ErasurePlayedAgain Mutant = "erasure-played-again"
	// RejectsKept leaves in chat.rejects what came from an erased customer.
	RejectsKept Mutant = "rejects-kept"
	// TornIsNone has the record-signer take a checkpoint that it can't read for none.
	TornIsNone Mutant = "torn-is-none"
	// OldestKept has the record-signer look for what it published of a partition's first ledger, and not of its newest one.
	OldestKept Mutant = "oldest-kept"
	// SealForgotten has a record-signer that starts at a seal not open the next generation.
	SealForgotten Mutant = "seal-forgotten"
	// SealIsTheEnd has the aggregator read no further than a ledger's seal.
	SealIsTheEnd Mutant = "seal-is-the-end"
	// SealUnlinked begins the next generation with something else than the seal's hash.
	SealUnlinked Mutant = "seal-unlinked"
)

// A Point is a place at which a process can be made to kill itself.
type Point string

// The points. Every stage passes those of the task, some services have their own.
const (
	Claimed       Point = "claimed"        // the outputs are this task's; nothing is recovered
	Recovering    Point = "recovering"     // at the beginning of every read of the recovery
	Handled       Point = "handled"        // the outputs of a step are made; none is written
	BetweenWrites Point = "between-writes" // after the write to one partition, before that to the next
	Written       Point = "written"        // the outputs are durable; the changelog is not written
	StateWritten  Point = "state-written"  // all is durable; nothing is committed

	ErasureBegun   Point = "erasure-begun"   // erase: what is to be done is on disk; none of it is done
	OrderPublished Point = "order-published" // erase: the order is in one more partition
	TopicsTrimmed  Point = "topics-trimmed"  // erase: after the topics that others are made from, and after those others

	CheckpointSynced Point = "checkpoint-synced" // record-signer: the next checkpoint is on disk, beside the last one
	CheckpointKept   Point = "checkpoint-kept"   // record-signer: it has replaced the last one

	RowsInserted  Point = "rows-inserted"  // clickhouse-sink: a block's records are in ClickHouse, its head is not
	BlockInserted Point = "block-inserted" // clickhouse-sink: a whole block is; the next is not

	Delivered Point = "delivered" // delivery of alerts: the receiver has it; its offset is not committed
)
