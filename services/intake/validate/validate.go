// Package validate checks a chat event: every bound and every rule that the rest of the pipeline relies on. It reports
// all faults at once, each naming the field and how to mend it.
package validate

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/guard"
)

// Bounds on an event.
const (
	MaxID   = 128
	MaxText = 64 << 10
	// MaxAge and MaxAhead bound how far occurred_at may lie from the arrival, under the wall clock.
	MaxAge   = 30 * 24 * time.Hour
	MaxAhead = 5 * time.Minute
)

// Faults of an event; each is a reason code of chat.rejects.
var (
	ErrEvent    = errors.New("bad_event")
	ErrTime     = errors.New("bad_time")
	ErrTooLarge = errors.New("too_large")
)

// Event checks everything about an event but its time. Errors wrap ErrEvent or ErrTooLarge.
func Event(e *schemas.ChatEvent) error {
	var faults []error
	fault := func(format string, a ...any) {
		faults = append(faults, fmt.Errorf("%w: "+format, append([]any{ErrEvent}, a...)...))
	}
	id := func(field, v string, required bool) {
		switch {
		case v == "" && required:
			fault("%s: is empty; give 1 to %d bytes", field, MaxID)
		case len(v) > MaxID:
			fault("%s: has %d bytes; at most %d", field, len(v), MaxID)
		case !utf8.ValidString(v):
			fault("%s: is not UTF-8", field)
		case strings.ContainsFunc(v, unicode.IsControl):
			fault("%s: holds a control character; take it out", field)
		}
	}
	if e.Kind == schemas.EventKindClock {
		if e.OccurredAt <= 0 {
			fault("occurred_at: a clock event needs the time up to which its partition is complete")
		}
		return errors.Join(faults...)
	}
	id("event_id", e.EventID, true)
	id("case_id", e.CaseID, true)
	id("customer_id", e.CustomerID.Value, e.CustomerID.Set)
	id("ai_model_version", e.AIModelVersion.Value, e.AIModelVersion.Set)
	if e.OccurredAt <= 0 {
		fault("occurred_at: is missing; give milliseconds since 1970-01-01 UTC")
	}
	if e.Sender == schemas.SenderAI && !e.AIModelVersion.Set {
		fault("ai_model_version: is missing; an AI's events name their model")
	}
	if len(e.Text.Value) > MaxText {
		faults = append(faults, fmt.Errorf("%w: text: has %d bytes; at most %d", ErrTooLarge, len(e.Text.Value), MaxText))
	}
	kind(e, fault)
	return errors.Join(faults...)
}

// kind checks what each kind of event needs and must not have.
func kind(e *schemas.ChatEvent, fault func(string, ...any)) {
	if is := e.Kind == schemas.EventKindMessage; is != e.Text.Set {
		fault("text: kind %s %s", e.Kind, map[bool]string{true: "needs a text", false: "has no text"}[is])
	} else if is && e.Sender == schemas.SenderSystem {
		fault("sender: a message is written by customer, ai or human, not system")
	}
	if e.Kind == schemas.EventKindAgentJoined && e.Sender != schemas.SenderHuman {
		fault("sender: %s can't join as an agent; only human does", e.Sender)
	}
	if is := e.Kind == schemas.EventKindRating; is != e.Rating.Set {
		fault("rating: kind %s %s", e.Kind, map[bool]string{true: "needs a rating from 1 to 5", false: "has no rating"}[is])
	} else if is && (e.Rating.Value < 1 || e.Rating.Value > 5) {
		fault("rating: %d is not between 1 and 5", e.Rating.Value)
	}
	if is := e.Kind == schemas.EventKindCaseTypeCorrected; is != e.CaseType.Set {
		fault("case_type: kind %s %s", e.Kind, map[bool]string{true: "needs the case type that it is", false: "has no case type; intake finds it"}[is])
	} else if is && e.CaseType.Value != guard.Unknown && !guard.Named(e.CaseType.Value) {
		fault("case_type: %.100q can't be a case type; use up to 64 lower-case letters, digits and underscores, such as refund_status, or %s", e.CaseType.Value, guard.Unknown)
	} else if is && e.Sender != schemas.SenderHuman {
		fault("sender: %s can't correct a case type; only human does", e.Sender)
	}
	if e.Outcome.Set && e.Kind != schemas.EventKindResolved && e.Kind != schemas.EventKindClosed {
		fault("outcome: kind %s has no outcome", e.Kind)
	}
}

// Time checks that an event's time lies near its arrival, both in milliseconds. Errors wrap ErrTime.
func Time(e *schemas.ChatEvent, arrived int64) error {
	switch d := time.Duration(arrived-e.OccurredAt) * time.Millisecond; {
	case d > MaxAge:
		return fmt.Errorf("%w: occurred_at: %v before its arrival; at most %v (history is replayed under the event clock)", ErrTime, d, MaxAge)
	case d < -MaxAhead:
		return fmt.Errorf("%w: occurred_at: %v after its arrival; at most %v: check the producer's clock", ErrTime, -d, MaxAhead)
	}
	return nil
}
