// Package aggregate is the aggregator's core: it folds the ledgers of all partitions, counts what their checkpoints vouch
// for, and publishes the windows that close. Its output is a function of the ledgers alone: not of how partitions, or
// records and checkpoints, come to be read one after another.
package aggregate

import (
	"cmp"
	"fmt"
	"math"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/window"
)

const (
	minute       = 60_000 // milliseconds
	signedRecord = "casetrail.SignedRecord"
)

// Definition is the aggregator as a stage.
// A window without a case, a rating or a complaint is not published. Outputs have the position (0, the window's end in
// minutes since 1970, ordinal): all that closes at one end: breach alerts by partition and sequence, alerts of the
// hour that ends there, windows by length. There are no dead letters: a checkpoint or a frame that cannot be read stops the stage, since the ledger's
// topics are written by the record-signer alone.
func Definition(codec *schemas.Codec, trust Trust, signer *record.Signer) stage.Definition {
	return stage.Definition{
		Name:    pipelines.Aggregator,
		Inputs:  []string{pipelines.ConductRecords, pipelines.ConductCheckpoints},
		Outputs: []string{pipelines.ConductMetrics, pipelines.ConductAlerts},
		Single:  true,
		New:     func(int32) (stage.Handler, error) { return New(codec, trust, signer), nil },
	}
}

// Handler folds all ledgers of a deployment. It is a stage.Handler; not for concurrent use. It holds the windows' panes, half
// a kilobyte for each record by which one ledger is read ahead of the slowest, a day at most, the bodies that no checkpoint
// vouches for yet (see Pause), and 60 bytes for each customer and type of the last two stretches of repeat_contact.
type Handler struct {
	shared
	ledgers  []*ledger // by partition
	measured *measured
	drifts   drifts
	publish  publisher
	heads    []schemas.LedgerHead
	message  schemas.Checkpoint
}

// shared is what all ledgers have in common.
type shared struct {
	trust    Trust
	windows  *window.Windows
	breaches breaches
	standing standing
	// published is the last end of which a metric record is in the log. What closes before it was published by an earlier
	// run from these same bytes, so its checkpoints' signatures are not verified again, nor its windows encoded.
	published int64
}

// New makes a handler that signs metric records with the signer's key. Call Recover before Handle.
func New(codec *schemas.Codec, trust Trust, signer *record.Signer) *Handler {
	h := &Handler{shared: shared{trust: trust, breaches: breaches{}, published: math.MinInt64}, measured: newMeasured(), drifts: newDrifts(),
		publish: publisher{codec: codec, signer: signer}}
	h.windows = window.New(h.measured.Metrics.Windows, h.measured.minute)
	return h
}

// Recover asks how many partitions there are and how far the output goes, and has every ledger read from its start: a
// chain is only known to be whole from its genesis on, and all that the windows need of it is read on the way.
// It is the path of normal work, so there is no second one to go wrong. What is published already is folded and counted
// again, but neither verified nor encoded: about 340,000 records a second on one core, reading aside; a month of 2.3
// million cases takes seven seconds.
func (h *Handler) Recover(log stage.Log) (map[stage.TopicPartition]int64, error) {
	n, err := log.Partitions(pipelines.ConductRecords)
	if err != nil {
		return nil, err
	}
	h.ledgers = make([]*ledger, n)
	h.standing.lists = make([][]policy, n)
	for p := range h.ledgers {
		h.ledgers[p] = newLedger(int32(p), &h.shared)
	}
	last, ok, err := log.Last(stage.TopicPartition{Topic: pipelines.ConductMetrics}, pipelines.Aggregator, 0)
	if ok && err == nil {
		h.published = last.Position.Offset
	}
	return nil, err
}

// Handle takes a record or a checkpoint of any ledger and returns what closes with it. Errors that wrap stage.ErrReject
// say that the input itself is broken, and leave the handler as it was. All others say that a ledger contradicts itself,
// and name it with the sequence; the handler is of no use after that.
func (h *Handler) Handle(in stage.Record) ([]stage.Record, error) {
	if in.Partition < 0 || int(in.Partition) >= len(h.ledgers) {
		return nil, fmt.Errorf("partition %d of %d: %w", in.Partition, len(h.ledgers), stage.ErrReject)
	}
	l := h.ledgers[in.Partition]
	before := window.Minute(l.clock)
	if err := h.take(l, in); err != nil || window.Minute(l.clock) == before {
		return nil, err
	}
	return h.close()
}

func (h *Handler) take(l *ledger, in stage.Record) error {
	switch in.Topic {
	case pipelines.ConductRecords:
		name, body, err := h.publish.codec.Name(in.Value)
		if err != nil || name != signedRecord {
			return fmt.Errorf("%w: not a %s: %w", stage.ErrReject, signedRecord, cmp.Or(err, schemas.ErrWrongType))
		}
		return l.hold(body)
	case pipelines.ConductCheckpoints:
		if err := h.publish.codec.DecodeInto(in.Value, &h.message); err != nil {
			return fmt.Errorf("%w: %w", stage.ErrReject, err)
		}
		return l.consider(&h.message)
	}
	return fmt.Errorf("%w: topic %q is not one of the aggregator's", stage.ErrReject, in.Topic)
}

// What is held before another input must catch up: bodies that no checkpoint vouches for, checkpoints whose records have not
// come, and the time by which one ledger is ahead of the slowest, in milliseconds.
const (
	maxHeld    = 20_000
	maxWaiting = 1_000
	maxLead    = 24 * 60 * minute
)

// Pause implements stage.Pauser. The slowest ledger is never held up by another, and of its two topics never both.
func (h *Handler) Pause() (out []stage.TopicPartition) {
	slowest := int64(math.MaxInt64)
	for _, l := range h.ledgers {
		slowest = min(slowest, l.clock)
	}
	for _, l := range h.ledgers {
		ahead := l.clock > slowest && l.clock-maxLead > slowest
		if ahead || len(l.waiting) == 0 && len(l.held) > maxHeld {
			out = append(out, stage.TopicPartition{Topic: pipelines.ConductRecords, Partition: l.partition})
		}
		if ahead || len(l.waiting) > maxWaiting {
			out = append(out, stage.TopicPartition{Topic: pipelines.ConductCheckpoints, Partition: l.partition})
		}
	}
	return out
}

// close publishes all windows that every ledger has passed.
func (h *Handler) close() ([]stage.Record, error) {
	limit := window.Minute(h.ledgers[0].clock)
	for _, l := range h.ledgers[1:] {
		if limit = min(limit, window.Minute(l.clock)); inject.WindowEarly.Is() {
			limit = max(limit, window.Minute(h.ledgers[0].clock))
		}
	}
	h.publish.out = h.publish.out[:0]
	for {
		if p, end := h.standing.due(min(limit, h.windows.Peek())); p != nil {
			if err := h.measured.enforce(p, end); err != nil {
				return nil, err
			}
			h.windows.Change(end, h.measured.Metrics.Windows)
			h.drifts.Configure(&h.measured.Measures)
			continue
		}
		end, ok := h.windows.Next(limit)
		if !ok {
			return h.publish.out, nil
		}
		if err := h.closeEnd(end); err != nil {
			return nil, err
		}
	}
}

func (h *Handler) closeEnd(end int64) error {
	h.publish.begin(end)
	for _, b := range h.breaches.take(end - 1) {
		h.publish.breach(&b)
	}
	h.heads = h.heads[:0]
	for _, l := range h.ledgers {
		cp := l.head(end * minute)
		h.heads = append(h.heads, schemas.LedgerHead{Partition: l.partition, Size: cp.size, Root: schemas.Hash(cp.root)})
	}
	h.drifts.hour(end, h.windows, h.heads, &h.publish)
	if end < h.published {
		return nil // Task would drop it
	}
	for w, rows := range h.windows.Ending {
		if err := h.publish.metrics(w, rows, h.heads, h.measured); err != nil {
			return err
		}
	}
	return nil
}
