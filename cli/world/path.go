package world

import (
	"math"
	"math/rand/v2"
)

// The noise, as standard deviations. CSAT is in points, the others are logarithms: .05 is 5 %.
const (
	volumeDay     = .08 // of a whole day
	volumeKind    = .04 // of a case type's day
	mixKind       = .05 // slow, of a case type's share
	mixHandler    = .05 // slow, of a handler's share of its type
	csatDay       = .01 // of a whole day
	csatSegment   = .02 // of a segment's day
	csatWander    = .012
	rateDay       = .03
	rateSegment   = .05
	rateWander    = .03
	responseDay   = .02
	wanderDays    = 10. // how long what is slow remembers
	mixDays       = 7.
	weekendVolume = .78
)

// rates are what a segment's counts of one hour are drawn by.
type rates struct {
	cases                               float64 // expected
	complaint, repeat, response, unrest float64
	csat                                [5]float64 // how likely each rating is
}

// path is how the levels of all segments go from hour to hour.
type path struct {
	course *course
	start  int64
	total  float64 // expected cases an hour
	hours  int64   // since the start
	rand   *rand.Rand

	volume      [len(kinds)]float64
	mix, slow   [Size]float64 // of this day; slow is the part of mix that wanders, as a logarithm
	slowKind    [len(kinds)]float64
	csat        [Size]float64
	csatSlow    [Size]float64
	complaint   [Size]float64
	complaintSl [Size]float64
	repeat      [Size]float64
	repeatSlow  [Size]float64
	response    float64
	rates       [Size]rates
}

func newPath(c *Config) *path {
	total := c.Cases
	if total == 0 {
		total = Cases30
	}
	p := &path{course: newCourse(c.Drift), start: c.Start, total: total / (30 * 24), rand: rand.New(source(c.Seed, streamPath))}
	for range 60 { // what wanders has wandered before
		p.day()
	}
	return p
}

// next draws the levels of the next hour and gives that hour, since 1970.
func (p *path) next() int64 {
	hour := p.start + p.hours
	if p.hours == 0 || hour%24 == 0 {
		p.day()
	}
	since := float64(p.hours) + .5
	p.hours++
	volume := volumeSeason[index(hour)]
	mood, unrest := moodSeason[index(hour)], unrestSeason[index(hour)]
	for i := range table {
		s, r, l := &table[i], &p.rates[i], p.course.levels(i, since)
		swing := 1 + .3*float64(s.kind%3-1) // not every type has the same seasons
		r.cases = p.total * volume * p.volume[s.kind] * p.mix[i]
		r.csat = Spread(l.CSAT + swing*mood + p.csat[i])
		r.complaint = l.Complaint * math.Exp(swing*unrest+p.complaint[i])
		r.repeat = l.Repeat * math.Exp(.5*swing*unrest+p.repeat[i])
		r.response = l.Response * math.Exp(p.response)
		r.unrest = (table[i].CSAT - l.CSAT) / 2
	}
	return hour
}

// day draws what holds for a day.
func (p *path) day() {
	n := p.rand.NormFloat64
	wander := func(x *float64, sd, days float64) float64 {
		keep := math.Exp(-1 / days)
		*x = float64(keep**x) + float64(sd*math.Sqrt(1-keep*keep))*n()
		return *x
	}
	all := volumeDay * n()
	var shares [len(kinds)]float64
	sum := 0.
	for k := range kinds {
		p.volume[k] = math.Exp(all + volumeKind*n())
		shares[k] = kinds[k].share * math.Exp(wander(&p.slowKind[k], mixKind, mixDays))
		sum += shares[k]
	}
	for k := range kinds {
		of := p.mix[k*len(handlerNames):][:len(handlerNames)]
		within := 0.
		for h := range of {
			i := k*len(handlerNames) + h
			of[h] = table[i].share / kinds[k].share * math.Exp(wander(&p.slow[i], mixHandler, mixDays))
			within += of[h]
		}
		for h := range of {
			of[h] *= shares[k] / sum / within
		}
	}
	csat, complaint, repeat := csatDay*n(), rateDay*n(), rateDay*n()
	for i := range table {
		p.csat[i] = csat + csatSegment*n() + wander(&p.csatSlow[i], csatWander, wanderDays)
		p.complaint[i] = complaint + rateSegment*n() + wander(&p.complaintSl[i], rateWander, wanderDays)
		p.repeat[i] = repeat + rateSegment*n() + wander(&p.repeatSlow[i], rateWander, wanderDays)
	}
	p.response = responseDay * n()
}
