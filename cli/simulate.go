package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/casetrail/casetrail/cli/world"
)

type simulateCommand struct {
	cluster  `embed:""`
	Drift    world.Shape `enum:"slide,sudden,none" default:"slide" help:"How the segments get worse: ${enum}."`
	Segments []string    `placeholder:"TYPE:HANDLER" help:"Which ones, such as dispute:ai,refund_status:human. Left out: the hard case types that the AI has."`
	Drop     float64     `default:"0.6" placeholder:"POINTS" help:"CSAT points that they lose; complaints double."`
	FromDay  float64     `default:"35" placeholder:"DAY" help:"When it begins."`
	Over     float64     `default:"60" placeholder:"DAYS" help:"How long a slide takes."`
	Days     int         `default:"100" help:"Simulated days."`
	Cases    float64     `placeholder:"N" help:"Cases in 30 days; 2300000 with --direct, otherwise 100000."`
	Seed     uint64      `default:"1" help:"Seed of everything that is drawn."`
	Speed    int         `default:"0" placeholder:"N" help:"At most so many events a second (with --direct: hours); 0 for as fast as it goes."`
	Direct   bool        `help:"Straight into the aggregator's watch, in this process: no pipeline, no single cases, but a month in a second."`
	Policy   string      `type:"existingfile" placeholder:"FILE" help:"The policy to put in force first. Left out: one of a company without a guard, or, with --direct, the shipped one."`
	Key      string      `default:"data/keys/operator.key" placeholder:"FILE" help:"The operator's signing key, to sign the policy with."`
}

// maxDays bounds a simulation.
const maxDays = 36_500

// Run plays a made-up company whose segments get worse while its aggregate stands still.
func (c *simulateCommand) Run(ctx context.Context) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	if c.Direct {
		return c.direct(ctx, config)
	}
	return c.pipeline(ctx, config)
}

// config is the world that is asked for, but for its start.
func (c *simulateCommand) config() (world.Config, error) {
	w := world.Config{Seed: c.Seed, Cases: c.Cases}
	if w.Cases == 0 && !c.Direct {
		w.Cases = 100_000
	}
	if c.Days < 1 || c.Days > maxDays {
		return w, fmt.Errorf("--days: %d is not between 1 and %d", c.Days, maxDays)
	}
	if c.Speed < 0 {
		return w, fmt.Errorf("--speed: %d is below 0; 0 is as fast as it goes", c.Speed)
	}
	w.Drift = world.Drift{Shape: c.Drift, Drop: c.Drop, FromDay: c.FromDay, Days: c.Over}
	for _, s := range c.Segments {
		caseType, handler, ok := strings.Cut(s, ":")
		if !ok {
			return w, fmt.Errorf("--segments: %q is no TYPE:HANDLER, such as dispute:ai", s)
		}
		w.Drift.Segments = append(w.Drift.Segments, world.Segment{CaseType: caseType, Handler: handler})
	}
	return w, w.Validate()
}

// policy is the document that is asked for.
func (c *simulateCommand) policy(otherwise []byte) ([]byte, error) {
	if c.Policy == "" {
		return otherwise, nil
	}
	return os.ReadFile(c.Policy)
}

// announce says what is going to happen.
func (c *simulateCommand) announce(w world.Config) {
	cases := w.Cases
	if cases == 0 {
		cases = world.Cases30
	}
	step("%d simulated days from %s on, %.0f cases a month, seed %d; all of it synthetic", c.Days, day(w.Start), cases, c.Seed)
	if c.Drift == world.None {
		step("nothing drifts: every alert is a false one")
		return
	}
	which := "hard case types that the AI has"
	if len(c.Segments) > 0 {
		which = strings.Join(c.Segments, ", ")
	}
	how := fmt.Sprintf("evenly over %v days", c.Over)
	if c.Drift == world.Sudden {
		how = "at once"
	}
	step("from %s on: %s lose %v CSAT points %s, and the easy ones gain what keeps the aggregate where it is", day(w.Start+int64(c.FromDay*24)), which, c.Drop, how)
}

// day is the day of an hour since 1970.
func day(hour int64) string { return time.Unix(hour*3600, 0).UTC().Format("2 January 2006") }

// pace keeps to so many things a second.
type pace struct {
	perSecond int // 0 for no bound
	begin     time.Time
	done      int
}

func (p *pace) wait(ctx context.Context, n int) error {
	p.done += n
	if p.perSecond == 0 {
		return ctx.Err()
	}
	ahead := time.Duration(float64(p.done)/float64(p.perSecond)*float64(time.Second)) - time.Since(p.begin)
	if ahead <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(ahead)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
