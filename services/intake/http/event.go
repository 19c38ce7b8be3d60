package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/validate"
)

// event is a chat event as JSON: the fields of schemas.ChatEvent under their Avro names.
type event struct {
	EventID        string  `json:"event_id"`
	CaseID         string  `json:"case_id"`
	Kind           string  `json:"kind"`
	Sender         string  `json:"sender"`
	OccurredAt     moment  `json:"occurred_at"`
	CustomerID     *string `json:"customer_id"`
	Text           *string `json:"text"`
	AIModelVersion *string `json:"ai_model_version"`
	Outcome        *string `json:"outcome"`
	Rating         *int32  `json:"rating"`
	Synthetic      bool    `json:"synthetic"`
	CaseType       *string `json:"case_type"`
}

// moment is a time as RFC 3339 or as milliseconds since 1970-01-01 UTC.
type moment int64

func (m *moment) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '"' {
		return json.Unmarshal(b, (*int64)(m))
	}
	var t time.Time
	if err := json.Unmarshal(b, &t); err != nil {
		return fmt.Errorf("occurred_at: %s is neither RFC 3339 nor milliseconds since 1970", b)
	}
	*m = moment(t.UnixMilli())
	return nil
}

// decode reads one event strictly and checks all of it. Errors wrap the sentinels of package validate.
func decode(raw []byte) (*schemas.ChatEvent, error) {
	if len(raw) > MaxEvent {
		return nil, fmt.Errorf("%w: the event has %d bytes; at most %d", validate.ErrTooLarge, len(raw), MaxEvent)
	}
	var j event
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return nil, fmt.Errorf("%w: %w", validate.ErrEvent, err)
	}
	e := &schemas.ChatEvent{EventID: j.EventID, CaseID: j.CaseID, OccurredAt: int64(j.OccurredAt), CustomerID: some(j.CustomerID), Text: some(j.Text),
		AIModelVersion: some(j.AIModelVersion), Rating: some(j.Rating), Synthetic: j.Synthetic, CaseType: some(j.CaseType)}
	var faults []error
	var ok bool
	if e.Kind, ok = schemas.ParseEventKind(j.Kind); !ok || e.Kind == schemas.EventKindClock {
		faults = append(faults, fmt.Errorf("%w: kind: %q is none of message, agent_joined, resolved, closed, rating, complaint, case_type_corrected", validate.ErrEvent, j.Kind))
	}
	if e.Sender, ok = schemas.ParseSender(j.Sender); !ok {
		faults = append(faults, fmt.Errorf("%w: sender: %q is none of customer, ai, human, system", validate.ErrEvent, j.Sender))
	}
	if j.Outcome != nil {
		o, ok := schemas.ParseOutcome(*j.Outcome)
		if !ok {
			faults = append(faults, fmt.Errorf("%w: outcome: %q is none of resolved_confirmed, resolved_unconfirmed, abandoned, transferred, unresolved", validate.ErrEvent, *j.Outcome))
		}
		e.Outcome = schemas.Some(o)
	}
	if len(faults) == 0 {
		faults = append(faults, validate.Event(e))
	}
	return e, errors.Join(faults...)
}

func some[T any](p *T) (o schemas.Optional[T]) {
	if p != nil {
		o = schemas.Some(*p)
	}
	return o
}
