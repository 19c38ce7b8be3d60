package main

import (
	"context"
	"fmt"
	"time"

	"github.com/casetrail/casetrail/cli/world"
	"github.com/casetrail/casetrail/pipelines/policies"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/alert"
	"github.com/casetrail/casetrail/services/aggregator/watch"
)

// directStart is when a company begins that no pipeline knows of: Thursday, 1 January 2026.
const directStart = 20_454 * 24

// direct gives the hours of a company to what the aggregator looks for drift with, and prints a line a week, and what it says.
func (c *simulateCommand) direct(ctx context.Context, w world.Config) error {
	document, err := c.policy(policies.Default)
	if err != nil {
		return err
	}
	measures, err := policies.Read(string(document))
	if err != nil {
		return fmt.Errorf("%s: %w", c.Policy, err)
	}
	w.Start = directStart
	counts, err := world.NewCounts(w)
	if err != nil {
		return err
	}
	c.announce(w)
	desk := alert.NewDesk(measures)
	pace := pace{perSecond: c.Speed, begin: time.Now()}
	var sums weekSums
	var rows []watch.Row
	first := int64(0)
	for h := range c.Days * 24 {
		hour, counted := counts.Next()
		rows = rows[:0]
		for i := range counted {
			r := &counted[i]
			rows = append(rows, watch.Row{CaseType: r.CaseType, Handler: r.Handler, Counts: watch.Counts{Cases: r.Cases, Complaints: r.Complaints,
				Escalated: r.Escalated, Repeats: r.Repeats, CSAT: r.CSAT}})
			sums.add(&r.CSAT, r.Cases, counts.Drifts(i) && c.Drift != world.None)
		}
		for _, a := range desk.Hour(hour, rows, nil) {
			if a.Episode.Value.State == schemas.EpisodeStateUpdated {
				continue
			}
			fmt.Println(line(a))
			if began := w.Start + int64(c.FromDay*24); first == 0 && c.Drift != world.None && hour >= began {
				first = hour + 1
				step("that was the first alert, %.1f days after the drift began", float64(first-began)/24)
			}
		}
		if (h+1)%week == 0 {
			fmt.Printf("%s  week %d: %s\n", clock((hour+1)*3_600_000), (h+1)/week, sums.String())
			sums = weekSums{}
		}
		if err := pace.wait(ctx, 1); err != nil {
			return err
		}
	}
	return nil
}

const week = 7 * 24

// weekSums are the cases and ratings of everything, and of the segments that drift.
type weekSums struct {
	cases int64
	csat  [2][5]int64
}

func (s *weekSums) add(csat *[5]int64, cases int64, drifts bool) {
	s.cases += cases
	for k, n := range csat {
		s.csat[0][k] += n
		if drifts {
			s.csat[1][k] += n
		}
	}
}

// String says what a look at the averages shows.
func (s *weekSums) String() string {
	mean := func(of *[5]int64) (mean float64, n int64) {
		stars := int64(0)
		for k, c := range of {
			n += c
			stars += c * int64(k+1)
		}
		return float64(stars) / float64(max(n, 1)), n
	}
	all, n := mean(&s.csat[0])
	of := fmt.Sprintf("%d cases, %d ratings", s.cases, n)
	if drifting, n := mean(&s.csat[1]); n > 0 {
		return fmt.Sprintf("CSAT %.2f over everything, %.2f where it is to drift; %s", all, drifting, of)
	}
	return fmt.Sprintf("CSAT %.2f over everything; %s", all, of)
}
