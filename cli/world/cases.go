package world

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/casetrail/casetrail/schemas"
)

// Case is one conversation from its first message to its last late complaint. Times are milliseconds since 1970, and 0
// where it did not happen.
type Case struct {
	Segment
	Number, Customer int64 // a customer with two cases is a repeat contact
	Repeat           bool  // the customer had a case of this type concluded in the week before
	Opened           int64
	Escalated        int64
	Signal           schemas.Signal // by which it was escalated
	Joined           int64          // a human
	Concluded        int64
	Outcome          schemas.Outcome
	Rating           int32 // 1 to 5, 0 for none
	Rated            int64 // before Concluded, in the chat; or at or after it, late
	Complained       int64 // likewise
}

const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute

	// IdleClose is how long a case is silent before it is concluded as abandoned: as the shipped policy has it.
	IdleClose = 4 * hour
	// MaxOpen is how long a case is open at most. Whoever has drawn the cases of the next MaxOpen knows all that happens now.
	MaxOpen = 8 * hour
	// maxLate is how late a rating or complaint may be: as the shipped policy has it, with room for the hour that it comes in.
	maxLate = 166
	// known is how many customers of a case type are remembered to come again; they have come within a week.
	known      = 4096
	repeatTime = 7 * 24 * hour
)

// Cases is a world as single cases. Not for concurrent use.
type Cases struct {
	path      *path
	src       rand.Source
	rand      *rand.Rand
	cases     []Case
	number    int64
	customers int64
	before    [len(kinds)][]visit
}

type visit struct{ customer, concluded int64 }

// NewCases begins a world before its first hour.
func NewCases(c Config) (*Cases, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	src := source(c.Seed, streamCases)
	return &Cases{path: newPath(&c), src: src, rand: rand.New(src)}, nil
}

// Next gives the next hour, since 1970, and the cases that are concluded in it, in the order of their conclusions. The
// slice is good until the next call.
func (w *Cases) Next() (at int64, cases []Case) {
	at = w.path.next()
	w.cases = w.cases[:0]
	for i := range table {
		r := &w.path.rates[i]
		for range int(distuv.Poisson{Lambda: r.cases, Src: w.src}.Rand()) {
			w.cases = append(w.cases, w.draw(i, r, at*hour))
		}
	}
	slices.SortFunc(w.cases, func(a, b Case) int {
		return cmp.Or(cmp.Compare(a.Concluded, b.Concluded), cmp.Compare(a.Number, b.Number))
	})
	for i := range w.cases {
		w.remember(&w.cases[i])
	}
	return at, w.cases
}

func (w *Cases) draw(i int, r *rates, begin int64) Case {
	s := &table[i]
	w.number++
	c := Case{Segment: s.Segment, Number: w.number, Concluded: begin + w.rand.Int64N(hour)}
	w.customer(&c, s.kind, r.repeat)
	w.went(&c, s, r.unrest)
	if w.chance(r.response) {
		c.Rating, c.Rated = w.stars(&r.csat), w.when(&c, begin, lateRatings, ratingHours)
	}
	if w.chance(r.complaint) {
		c.Complained = w.when(&c, begin, lateComplaints, complaintsHours)
	}
	return c
}

// customer is a new one, or one who was there within the week.
func (w *Cases) customer(c *Case, kind int, repeat float64) {
	again := w.chance(repeat)
	if seen := w.before[kind]; again && len(seen) > 0 {
		if v := seen[w.rand.IntN(len(seen))]; v.concluded > c.Concluded-repeatTime {
			c.Customer, c.Repeat = v.customer, true
			return
		}
	}
	w.customers++
	c.Customer = w.customers
}

func (w *Cases) remember(c *Case) {
	for k := range kinds {
		if kinds[k].name != c.CaseType {
			continue
		}
		if v := (visit{c.Customer, c.Concluded}); len(w.before[k]) < known {
			w.before[k] = append(w.before[k], v)
		} else {
			w.before[k][c.Number%known] = v
		}
	}
}
