package world

import (
	"math"

	"github.com/casetrail/casetrail/schemas"
)

// went is how the case went, backwards from its conclusion.
func (w *Cases) went(c *Case, s *segment, unrest float64) {
	c.Outcome = w.outcome(s, unrest)
	end := c.Concluded
	if c.Outcome == schemas.OutcomeAbandoned {
		end -= IdleClose
	}
	if s.Handler != AI {
		c.Joined = end - w.lasts(8*minute, minute, 150*minute)
		end = c.Joined - min(5*second+int64(w.rand.ExpFloat64()*100_000), 30*minute)
	}
	if s.Handler == Escalated {
		c.Escalated, c.Signal = end, w.signal()
	}
	c.Opened = end
	if s.Handler != Human {
		c.Opened -= w.lasts(150*second, 20*second, 9*minute)
	}
}

func (w *Cases) chance(p float64) bool { return w.rand.Float64() < p }

// lasts draws how long something takes.
func (w *Cases) lasts(median, least, most int64) int64 {
	return min(max(int64(float64(median)*math.Exp(.6*w.rand.NormFloat64())), least), most)
}

func (w *Cases) stars(p *[5]float64) int32 {
	x := w.rand.Float64()
	for k := range p {
		if x -= p[k]; x < 0 {
			return int32(k + 1)
		}
	}
	return int32(len(p))
}

// when is the time of a rating or complaint: in the chat, or late, in a later hour. After an abandoned case it is in that
// hour still, but the conversation is over.
func (w *Cases) when(c *Case, begin int64, late, hours float64) int64 {
	if w.chance(late) {
		wait := 1 + int64(math.Log(1-w.rand.Float64())/math.Log1p(-1/hours))
		return begin + min(wait, maxLate)*hour + w.rand.Int64N(hour)
	}
	if c.Outcome == schemas.OutcomeAbandoned {
		return c.Concluded + w.rand.Int64N(begin+hour-c.Concluded)
	}
	return c.Concluded - 5*second
}

func (w *Cases) outcome(s *segment, unrest float64) schemas.Outcome {
	x := w.rand.Float64()
	if s.Handler != AI && x < .03 {
		return schemas.OutcomeAbandoned
	}
	x = w.rand.Float64()
	switch unresolved := max(.06+.5*unrest, .02); {
	case x < unresolved:
		return schemas.OutcomeUnresolved
	case x < unresolved+.03:
		return schemas.OutcomeTransferred
	case x < .5:
		return schemas.OutcomeResolvedConfirmed
	}
	return schemas.OutcomeResolvedUnconfirmed
}

func (w *Cases) signal() schemas.Signal {
	switch x := w.rand.Float64(); {
	case x < .62:
		return schemas.SignalHumanRequest
	case x < .75:
		return schemas.SignalSupervisorRequest
	case x < .88:
		return schemas.SignalThreatToLeave
	}
	return schemas.SignalThreatToComplain
}
