package validate

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/casetrail/casetrail/schemas"
)

func good() schemas.ChatEvent {
	return schemas.ChatEvent{EventID: "e", CaseID: "ברק-γ-1", Kind: schemas.EventKindMessage, Sender: schemas.SenderCustomer, OccurredAt: 1_800_000_000_000, Text: schemas.Some("hi")}
}

func TestEvent(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*schemas.ChatEvent)
		err   error
		says  string
	}{
		"good":            {func(*schemas.ChatEvent) {}, nil, ""},
		"no event id":     {func(e *schemas.ChatEvent) { e.EventID = "" }, ErrEvent, "event_id: is empty"},
		"long case id":    {func(e *schemas.ChatEvent) { e.CaseID = strings.Repeat("x", 129) }, ErrEvent, "case_id: has 129 bytes"},
		"control":         {func(e *schemas.ChatEvent) { e.CaseID = "a\x00b" }, ErrEvent, "case_id: holds a control character"},
		"not UTF-8":       {func(e *schemas.ChatEvent) { e.CustomerID = schemas.Some("\xff") }, ErrEvent, "customer_id: is not UTF-8"},
		"no text":         {func(e *schemas.ChatEvent) { e.Text = schemas.Optional[string]{} }, ErrEvent, "text: kind message needs a text"},
		"too much text":   {func(e *schemas.ChatEvent) { e.Text = schemas.Some(strings.Repeat("x", MaxText+1)) }, ErrTooLarge, "text: has 65537 bytes"},
		"nameless model":  {func(e *schemas.ChatEvent) { e.Sender = schemas.SenderAI }, ErrEvent, "ai_model_version: is missing"},
		"a system writes": {func(e *schemas.ChatEvent) { e.Sender = schemas.SenderSystem }, ErrEvent, "sender:"},
		"rating of 6": {func(e *schemas.ChatEvent) {
			e.Kind, e.Text, e.Rating = schemas.EventKindRating, schemas.Optional[string]{}, schemas.Some(int32(6))
		}, ErrEvent, "6 is not between 1 and 5"},
		"no rating":         {func(e *schemas.ChatEvent) { e.Kind, e.Text = schemas.EventKindRating, schemas.Optional[string]{} }, ErrEvent, "needs a rating"},
		"a customer joins":  {func(e *schemas.ChatEvent) { e.Kind, e.Text = schemas.EventKindAgentJoined, schemas.Optional[string]{} }, ErrEvent, "can't join"},
		"early outcome":     {func(e *schemas.ChatEvent) { e.Outcome = schemas.Some(schemas.OutcomeAbandoned) }, ErrEvent, "has no outcome"},
		"a type of its own": {func(e *schemas.ChatEvent) { e.CaseType = schemas.Some("dispute") }, ErrEvent, "has no case type; intake finds it"},
		"no correction":     {func(e *schemas.ChatEvent) { *e = correction("dispute"); e.CaseType.Set = false }, ErrEvent, "needs the case type"},
		"no type's name":    {func(e *schemas.ChatEvent) { *e = correction("Crypto advice") }, ErrEvent, `"Crypto advice" can't be a case type`},
		"a new type":        {func(e *schemas.ChatEvent) { *e = correction("crypto_advice") }, nil, ""},
		"an AI corrects": {func(e *schemas.ChatEvent) {
			*e = correction("dispute")
			e.Sender, e.AIModelVersion = schemas.SenderAI, schemas.Some("bot")
		}, ErrEvent, "ai can't correct a case type"},
		"a correction": {func(e *schemas.ChatEvent) { *e = correction("unknown") }, nil, ""},
		"no time":      {func(e *schemas.ChatEvent) { e.OccurredAt = 0 }, ErrEvent, "occurred_at: is missing"},
		"two faults":   {func(e *schemas.ChatEvent) { e.EventID, e.OccurredAt = "", 0 }, ErrEvent, "occurred_at"},
	} {
		e := good()
		c.spoil(&e)
		if err := Event(&e); !errors.Is(err, c.err) || c.says != "" && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func correction(caseType string) schemas.ChatEvent {
	e := good()
	e.Kind, e.Sender, e.Text, e.CaseType = schemas.EventKindCaseTypeCorrected, schemas.SenderHuman, schemas.Optional[string]{}, schemas.Some(caseType)
	return e
}

func TestTime(t *testing.T) {
	e := good()
	for d, ok := range map[time.Duration]bool{0: true, MaxAge: true, MaxAge + time.Minute: false, -MaxAhead: true, -MaxAhead - time.Minute: false} {
		if err := Time(&e, e.OccurredAt+d.Milliseconds()); (err == nil) != ok || err != nil && !errors.Is(err, ErrTime) {
			t.Errorf("%v: %v", d, err)
		}
	}
}
