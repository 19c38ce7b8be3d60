// Package verify checks what Casetrail promises, from topics and ClickHouse alone and never from a service's memory: that the
// ledger is whole, that it says what happened, and that what is published and stored is what it says. What should have
// happened it derives a second time from case.events, with no code of the services but the policy's format.
package verify

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/recompute"
)

// Topics is the log to check.
type Topics interface {
	// Partitions is how many partitions a topic has.
	Partitions(ctx context.Context, topic string) (int32, error)
	// Read calls fn for every record of a partition from its start to its end at the time of the call, and returns the
	// offset of the first record that is still there, also beside an error of fn's. Several reads may be in progress
	// at once, on one goroutine at a time.
	Read(ctx context.Context, tp stage.TopicPartition, fn func(stage.Record) error) (start int64, err error)
}

// Options are what a check needs.
type Options struct {
	Topics  Topics
	Codec   *schemas.Codec
	Trusted note.Verifier       // the ledger's first key
	Revoked []record.Revocation // of keys
	Rows    Rows                // ClickHouse; nil to leave it out
	Deep    bool                // also I1, I3, I5, I6 and ClickHouse's windows; see Run
	// Metrics are the keys that metric records may be signed with: the aggregator's, and those that it had before.
	Metrics []note.Verifier
	// MetricsOnly checks I3 and what it stands on, I2, and nothing else.
	MetricsOnly bool
	// NoSignatures leaves out those of the records, but for key rotations': what the ledger's checkpoints cover is then what
	// their signer committed to.
	NoSignatures bool
	// AllWindows compares every window with ClickHouse, and not only the latest 200 of each length.
	AllWindows bool
	Progress   func(what string, done int64)
}

// Run checks everything that the options allow:
//
//	I1  every concluded case has one record, which says what case.events says; every late rating and complaint one amendment
//	I2  every ledger is one chain under one history of checkpoints; every signature is valid; nothing acknowledged is missing
//	I3  every MetricRecord is what the ledger gives, under the heads that it names, signed, each window once
//	I4  ClickHouse's rows are the ledger's, and its windows are the MetricRecords
//	I5  every offset of chat.events is taken, a duplicate of a named event, or rejected with a reason
//	I6  work for an AI only on the AI's cases; one Escalation for each tripwire that fired, none for one that did not;
//	    no timer lost, late or early
//	I7  the manifest has of every ledger the first checkpoint at or after the end of every minute, in one signed chain
//
// I2, I7 and I4's rows are checked always, the rest if Deep, and the statements of Report as far as that shows them. The error is about reading, not about what was found; see
// Report.Err. Run may run beside a pipeline that is at work: what downstream stages have not come to yet is counted as
// Pending, not as a fault. Where nothing flows any more, whatever is pending is lost.
//
// It reads each topic once or twice, and holds 200 bytes for each record of the ledger, 60 for each checkpoint that covers new
// records, 8 for each message of chat.events, and a kilobyte for each case of one partition that is open or takes
// amendments: about 1.2 GB for a month of 2.3 million cases on 8 partitions.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Progress == nil {
		o.Progress = func(string, int64) {}
	}
	v := &run{Options: o, ctx: ctx, copies: map[stage.TopicPartition]int64{}, statements: record.NewStatements(), contradicted: map[string]contradiction{}}
	v.i1.Name = "I1 every case, rating and complaint is in the ledger once, as case.events has it"
	v.i2.Name = "I2 every ledger is one chain under its checkpoints"
	v.manifest.Name = "I7 the manifest has every ledger's head, minute by minute"
	v.i3.Name = "I3 every MetricRecord and every alert about drift recomputes from the ledger, each once"
	v.i4rows.Name = "I4 ClickHouse's rows are the ledger's"
	v.i4windows.Name = "I4 ClickHouse's windows are the MetricRecords"
	v.i5.Name = "I5 every offset of chat.events is taken, a duplicate, or rejected"
	v.i6.Name = "I6 no work for an AI on a human's case; one Escalation for each tripwire"
	steps := []func() error{v.readLedgers}
	if o.MetricsOnly {
		v.Rows = nil
		steps = append(steps, v.checkMetrics)
	} else {
		steps = append(steps, v.checkManifest)
		if o.Rows != nil {
			steps = append(steps, v.checkRows)
		}
	}
	if o.Deep && !o.MetricsOnly {
		steps = append(steps, v.checkMetrics, v.openAccounts, v.checkCases, v.checkEvents, v.checkAlerts)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	v.finish()
	return &v.report, nil
}

// run is a run of the checks.
type run struct {
	Options
	ctx                                   context.Context
	report                                Report
	i1, i2, i3, i4rows, i4windows, i5, i6 Check
	manifest                              Check                   // I7
	ledgers                               []ledger                // by partition
	until                                 int64                   // up to when every ledger is complete, ms
	recorded                              recompute.Records       // what the ledgers say that windows are made of
	episodes                              []*schemas.SegmentAlert // what they say of drift
	copies                                map[stage.TopicPartition]int64
	accounts                              []account // by partition of chat.events
	statements                            *record.Statements
	contradicted                          map[string]contradiction // by statement
	forgotten                             bool                     // the beginning of some partition of case.events is not there any more
}

// ErrFaults says that something did not hold.
var ErrFaults = errors.New("not verified")

// Report is what was checked, and what was found.
type Report struct {
	Records    int64
	Partitions int
	Sealed     []record.Head    // the generations that were sealed, by their last heads
	Root       record.Hash      // of the heads of the newest generations, as they stand; see record.CombinedRoot
	Manifest   *record.Manifest // as far as the ledgers were read: the deployment's root. nil where it was not checked
	Checks     []Check
	Statements []record.Statement // what that makes true of conduct; see record.Statements
	// Copies are the messages that stand in a topic a second time, which every reader drops: by topic, where there are any.
	Copies []Copies
}

// Copies is how many messages of a topic are copies of earlier ones.
type Copies struct {
	Topic string
	Count int64
}

// Check is one thing that was checked.
type Check struct {
	Name    string // the invariant, such as I2, and what it says
	Count   int64  // over how many things
	Pending int64  // for how many more it is too early, since a stage has not come to them yet
	Next    string // the first of those
	Faults  []string
	Wrong   int64    // how many faults there are
	Notes   []string // what else there is to know
}

// maxFaults is how many faults of one check are told; the rest are counted. Of notes there are as many.
const maxFaults = 5

func (c *Check) fault(format string, a ...any) {
	c.Wrong++
	if len(c.Faults) < maxFaults {
		c.Faults = append(c.Faults, fmt.Sprintf(format, a...))
	} else if len(c.Faults) == maxFaults {
		c.Faults = append(c.Faults, "and more")
	}
}

func (c *Check) pending(format string, a ...any) {
	if c.Pending++; c.Next == "" {
		c.Next = fmt.Sprintf(format, a...)
	}
}

func (c *Check) note(format string, a ...any) {
	if len(c.Notes) < maxFaults {
		c.Notes = append(c.Notes, fmt.Sprintf(format, a...))
	}
}

// Err is nil if everything held, but for figures.
func (r *Report) Err() error {
	for _, c := range r.Checks {
		if len(c.Faults) > 0 {
			return fmt.Errorf("%w: %s: %s", ErrFaults, c.Name, c.Faults[0])
		}
	}
	for _, s := range r.Statements {
		if err := s.Err(); err != nil {
			return fmt.Errorf("%w: %w", ErrFaults, err)
		}
	}
	return nil
}

// Pending is nil if nothing is still to come. Of a pipeline at rest, it is an error like those of Err.
func (r *Report) Pending() error {
	for _, c := range r.Checks {
		if c.Pending > 0 {
			return fmt.Errorf("%w: %s: %d are still to come, the first: %s", ErrFaults, c.Name, c.Pending, c.Next)
		}
	}
	return nil
}
