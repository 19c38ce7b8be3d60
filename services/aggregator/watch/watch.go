// Package watch looks for drift in all segments at once: it says what is tested, shares the false alarms that are allowed
// among the tests, learns each segment's usual level and seasons, and keeps an episode from its first alert to its end.
// The mathematics is package drift's.
//
// It is pure: a monitor's updates are a function of its configurations and of the hours that it was given. It keeps
// one evidence a test, the seasons of each segment, and the counts of the last 13 weeks in panes that grow with their age:
// see ladder.
package watch

import (
	"math"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/services/aggregator/masking"
)

// All stands for all case types, or all handlers; Human is the handler that others are compared with where they have no
// reference of their own.
const (
	All   = "all"
	Human = "human"
)

// Config is what the policy says.
type Config struct {
	FalseAlarms float64 // a year, over all tests; above 0
	Reference   int64   // hours of the reference period, from the first case on; a week or more
	CSATMargin  float64 // CSAT points that a segment may lose
	RateMargin  float64 // what a rate may gain, as a share of itself
	Epsilon     float64 // CSAT points that the aggregate may lose while drift is called masked
	Minimum     int64   // cases, or ratings, below which nothing is said of a segment
	Handlers    []string
	Groups      []Group            // all case types that are watched, each in one group
	Weights     map[string]float64 // share of the budget by case type or group; 1 where it is not named
	Baselines   []Accepted
}

// Group is case types that are watched together, too.
type Group struct {
	Name  string
	Types []string
}

// Accepted is a new level that an operator has accepted: the metric's reference begins again at From (hours since 1970),
// which may lie in the past or in the future.
type Accepted struct {
	CaseType, Handler, Metric string
	From                      int64
}

// Counts are what one segment adds in one hour. A late rating or complaint counts in the hour in which it comes.
type Counts struct {
	Cases, Complaints, Escalated, Repeats int64
	CSAT                                  [5]int64 // ratings of 1, 2, 3, 4, 5
}

// Row is the counts of one case type x handler; never of a total.
type Row struct {
	CaseType, Handler string
	Counts
}

// State is where an episode is.
type State string

// The states. An episode is opened once; updated while it is open, at most once a day and at least once a week; and closed
// once.
const (
	Opened  State = "opened"
	Updated State = "updated"
	Closed  State = "closed"
)

// Kind is what an episode is about.
type Kind string

// The kinds. Masked drift is an episode of its own beside those of the segments: it is open while the aggregate does not
// show what at least one of them shows, and repeats what the strongest of these says.
const (
	Drift       Kind = "drift"
	MaskedDrift Kind = "masked_drift"
)

// Reference is what a segment is compared with.
type Reference string

// The references.
const (
	Period        Reference = "period"   // its own reference period
	HumanArm      Reference = "human"    // human cases of the same case type, since it has none
	AcceptedLevel Reference = "accepted" // the level that an operator has accepted
)

// Update is news of an episode, as of the end of an hour. Times are hours since 1970: the starts of hours.
type Update struct {
	Episode  string // no two episodes have the same
	Test     string // an episode's test; at most one episode of a test is open at a time
	State    State
	Kind     Kind
	CaseType string // or the group's name, or All
	Group    bool   // CaseType is a group's name
	Handler  string // or All
	Metric   string // csat, complaint, escalation, repeat_contact, csat_response

	At                         int64 // the end of the hour that this is as of
	RaisedAt                   int64 // At of the first update
	Since, SinceLow, SinceHigh int64 // when it began most probably, and the 90 % interval

	Evidence        float64 // of this test: 1 / (its share of the budget * false alarms a year) raises an alert
	FalseAlarmYears float64 // this test comes to this evidence by chance at most once in so many years

	// What changed, in CSAT points (negative: worse) or as a share of all cases, seasons apart; and its interval, which
	// covers it at all times together with a probability of 1 - 0.05/365.
	Effect, Low, High float64
	N, Cases          int64 // outcomes since Since (ratings for CSAT, cases for rates), and cases
	Reference         int64 // outcomes in the reference
	Against           Reference
	Level0, Level1    float64 // reference, as the seasons since Since have it, and now: CSAT or a share
	WorstLow          float64 // CSAT since Since if all who gave no rating thought 1 ...
	WorstHigh         float64 // ... and if all thought 5; both 0 for other metrics
	Aggregate0        float64 // the metric over everything, in the reference and since Since, seasons apart
	Aggregate1        float64
	Masked            bool            // the aggregate CSAT does not show it
	Masking           *masking.Report // of CSAT, since Since; nil where there is none
}

// Monitor watches a deployment. Not for concurrent use.
type Monitor struct {
	config   Config
	leaves   []*leaf
	index    map[[2]string]int // leaves by case type and handler
	series   []*series
	tests    []*test
	ladder   ladder
	applied  map[Accepted]bool
	accepted []Accepted // not applied yet
	masked   *masked
	first    int64 // the first hour with a case
	last     int64 // the last hour seen
	begun    bool
	ended    []*test // tests that are no more, whose episodes are open
	out      []Update
}

// New makes a monitor that has seen nothing.
func New(c Config) *Monitor {
	m := &Monitor{index: map[[2]string]int{}, applied: map[Accepted]bool{}, last: math.MinInt64}
	m.Configure(c)
	return m
}

// Configure takes another policy, from the next hour on. Segments, references and evidence stay as they are; a test that
// is no longer there, or is about other segments, loses its evidence, and its episode is closed at the next hour.
func (m *Monitor) Configure(c Config) {
	m.config = c
	m.define()
	m.accepted = m.accepted[:0]
	for _, a := range c.Baselines {
		if !m.applied[a] {
			m.accepted = append(m.accepted, a)
		}
	}
}

// accept opens the references of accepted levels whose time has come at an hour.
func (m *Monitor) accept(hour int64) {
	left := m.accepted[:0]
	for _, a := range m.accepted {
		if a.From > hour {
			left = append(left, a)
			continue
		}
		m.applied[a] = true
		m.reopen(a)
	}
	m.accepted = left
}

// Hour takes the counts of one hour, since 1970: rows in any order, those of one segment added up. Hours rise; those in
// between have no case, and an hour that is not above the last one is ignored, since it has been counted. It returns what is
// new of the episodes, which is good until the next call.
func (m *Monitor) Hour(hour int64, rows []Row) []Update {
	m.out = m.out[:0]
	if hour <= m.last && !inject.PaneTwice.Is() {
		return nil
	}
	m.count(rows)
	if !m.begun {
		if !m.any() {
			return nil
		}
		m.begun, m.first, m.last = true, hour, hour-1
	}
	hours := float64(max(1, hour-m.last))
	m.last = hour
	m.accept(hour)
	ready := m.observe(hour)
	if ready {
		m.ladder.push(hour, hours, m.cells())
		for _, t := range m.tests {
			t.step(m, hours)
		}
	}
	m.mature(hour + 1)
	if ready {
		m.review(hour + 1)
	}
	return m.out
}
