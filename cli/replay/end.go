package replay

import (
	"math/rand/v2"

	"github.com/casetrail/casetrail/schemas"
)

const (
	minute = int64(60_000)
	hour   = 60 * minute
)

// abandoned is the share of cases that nobody ends: the idle time-out does.
const abandoned = .06

// afterwards is the share of cases whose customer writes once more after the end.
const afterwards = .01

// end plans how the case ends: its resolution by whoever has it, a rating in the chat or later, perhaps a complaint.
func (a *actor) end() {
	h := byAI
	switch {
	case a.human && a.hadAI:
		h = byBoth
	case a.human || a.handler == schemas.HandlerHuman:
		h = byHuman
	}
	r := rates(a.conv.CaseType, h, a.progress)
	at := a.last
	if n := len(a.queue); n > 0 {
		at = a.queue[n-1].at
	}
	rated := a.rand.Float64() < response
	stars := rating(a.rand, r.CSAT)
	complains := a.rand.Float64() < r.Complaint
	if a.rand.Float64() < abandoned {
		return
	}
	inChat := a.rand.Float64() < .6
	if rated && inChat {
		at += 15_000
		a.rate(stars, at)
	}
	sender := schemas.SenderHuman
	if a.handler == schemas.HandlerAI {
		sender = schemas.SenderAI
	}
	at += 10_000
	e := a.event(schemas.EventKindResolved, sender)
	e.Outcome = schemas.Some(outcome(a.rand, a.conv.CaseType, h))
	a.plan(planned{at: at, event: e, bot: sender == schemas.SenderAI})
	if a.rand.Float64() < afterwards { // the case is over: the pipeline sends this back, and says why
		e := a.event(schemas.EventKindMessage, schemas.SenderCustomer)
		e.Text = schemas.Some("Thanks again!")
		at += 30_000
		a.plan(planned{at: at, event: e})
	}
	if rated && !inChat {
		a.rate(stars, at+minute+int64(a.rand.ExpFloat64()*float64(2*hour)))
	}
	if complains {
		at = max(at, a.queue[len(a.queue)-1].at)
		a.plan(planned{at: at + hour + int64(a.rand.ExpFloat64()*float64(6*hour)), event: a.event(schemas.EventKindComplaint, schemas.SenderCustomer)})
	}
}

func (a *actor) rate(stars int32, at int64) {
	e := a.event(schemas.EventKindRating, schemas.SenderCustomer)
	e.Rating = schemas.Some(stars)
	a.plan(planned{at: at, event: e})
}

var stockAI = []string{
	"Thanks, let me look that up for you.",
	"I have found your account. Could you tell me a little more?",
	"Here is what I can see at the moment.",
	"Understood. One moment, please.",
}

var stockHuman = []string{
	"Hello, I have read what you wrote and I am looking into it now.",
	"Thank you for waiting. Could you confirm that for me?",
	"I see. I am checking this with the team.",
	"I understand. Let me sort that out for you.",
}

// stock is an answer for a file that has no agent's turns.
func stock(r *rand.Rand, h schemas.Handler) string {
	if h == schemas.HandlerAI {
		return stockAI[r.IntN(len(stockAI))]
	}
	return stockHuman[r.IntN(len(stockHuman))]
}
