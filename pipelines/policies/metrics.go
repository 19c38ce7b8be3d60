package policies

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Handlers are how a case may have been handled, seen whole.
var Handlers = []string{"ai", "ai_then_escalated", "human"}

// Metrics says how segments are measured. The zero value is no policy; see Shipped.
type Metrics struct {
	Windows Windows `yaml:"windows"`
	// Handlers are those that have segments of their own; the others count in the totals alone.
	Handlers []string `yaml:"handlers"`
	// MinimumCases is how many cases, or ratings for CSAT, are enough to say anything by.
	MinimumCases int64 `yaml:"minimum_cases"`
	// HumanWithin is how soon a human should join after a customer has asked for one.
	HumanWithin time.Duration `yaml:"human_within"`
	// RepeatContact is how long a customer's next case of the same type counts as a repeat.
	RepeatContact time.Duration `yaml:"repeat_contact"`
}

// Window is one rolling window.
type Window struct {
	Name         string // its length as the policy writes it, such as 1h
	Length, Step int64  // minutes; it ends at the multiples of Step since 1970, so that a day is a day of UTC
}

// Windows are rolling windows, the shortest first, which is the order in which those with one end are published. In YAML
// they are a mapping from each length to how often it ends: {1h: 1m, 24h: 1h}.
type Windows []Window

const (
	maxWindows = 8
	maxPanes   = 1440 // of one window: a length of so many steps
	maxLength  = 366 * 24 * 60
	day        = 24 * 60
)

// UnmarshalYAML implements yaml.Unmarshaler. Faults of the values are Validate's to find.
func (w *Windows) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: metrics.windows must map each window's length to how often one ends, such as {1h: 1m, 24h: 1h}", n.Line)
	}
	*w = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		length, err := minutes(n.Content[i].Value)
		step, stepErr := minutes(n.Content[i+1].Value)
		if err = cmp.Or(err, stepErr); err != nil {
			return fmt.Errorf("line %d: metrics.windows: %w", n.Content[i].Line, err)
		}
		*w = append(*w, Window{Name: n.Content[i].Value, Length: length, Step: step})
	}
	slices.SortFunc(*w, func(a, b Window) int { return cmp.Compare(a.Length, b.Length) })
	return nil
}

var span = regexp.MustCompile(`^([1-9][0-9]{0,5})([mhd])$`)

// minutes reads a whole number of minutes, hours or days.
func minutes(s string) (int64, error) {
	m := span.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is no whole number of minutes, hours or days such as 30m, 24h or 7d", s)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	return n * map[string]int64{"m": 1, "h": 60, "d": day}[m[2]], err
}

func (w Windows) validate(fault func(string, ...any)) {
	if len(w) == 0 || len(w) > maxWindows {
		fault("metrics.windows: names %d windows; give 1 to %d, such as {1h: 1m, 24h: 1h}", len(w), maxWindows)
	}
	for i, x := range w {
		at := func(format string, a ...any) {
			fault("metrics.windows.%s: "+format, append([]any{x.Name}, a...)...)
		}
		if i > 0 && w[i-1].Length == x.Length {
			at("is as long as window %s; leave one of them out", w[i-1].Name)
		}
		if x.Length > maxLength {
			at("is longer than a year; take at most 366d")
		}
		if x.Step > x.Length || x.Length%x.Step != 0 {
			at("is not a whole number of its steps of %dm; take a step that divides it", x.Step)
		} else if x.Length/x.Step > maxPanes {
			at("has more than %d steps of %dm; let one end less often", maxPanes, x.Step)
		}
		if day%x.Step != 0 && x.Step%day != 0 {
			at("a step of %dm neither divides a day nor is whole days, so its windows would end at another time every day; take 1m, 5m, 1h or 24h", x.Step)
		}
	}
}

// Validate reports every fault. fault is called with the words of each, which name the field and how to mend it.
func (m *Metrics) Validate(fault func(format string, a ...any)) {
	m.Windows.validate(fault)
	for i, h := range m.Handlers {
		if !slices.Contains(Handlers, h) {
			fault("metrics.handlers: unknown handler %q; known are %s", h, strings.Join(Handlers, ", "))
		} else if slices.Index(m.Handlers, h) < i {
			fault("metrics.handlers: %q is listed twice; keep one", h)
		}
	}
	if len(m.Handlers) == 0 {
		fault("metrics.handlers: names none; list those that are to have segments of their own: %s", strings.Join(Handlers, ", "))
	}
	if m.MinimumCases < 1 || m.MinimumCases > 1_000_000 {
		fault("metrics.minimum_cases: %d is not between 1 and 1000000; 30 is what ships", m.MinimumCases)
	}
	if m.HumanWithin <= 0 || m.HumanWithin > 30*24*time.Hour || m.HumanWithin%time.Millisecond != 0 {
		fault("metrics.human_within: %v is out of range; use a whole number of milliseconds such as 3m, at most 720h", m.HumanWithin)
	}
	if m.RepeatContact <= 0 || m.RepeatContact > 90*24*time.Hour || m.RepeatContact%time.Minute != 0 {
		fault("metrics.repeat_contact: %v is out of range; use whole minutes such as 168h, at most 2160h", m.RepeatContact)
	}
}

// Measures are the parts of a policy that say how conduct is measured, and the case types that it knows.
type Measures struct {
	Version string `yaml:"version"`
	Routes  struct {
		AIHandles []string `yaml:"ai_handles"`
		HumanOnly []string `yaml:"human_only"`
	} `yaml:"routes"`
	Metrics Metrics `yaml:"metrics"`
	Drift   Drift   `yaml:"drift"`
}

// Shipped are the measures where no policy is in force, and the values of all that a policy leaves out.
func Shipped() Measures {
	return Measures{
		Metrics: Metrics{
			Windows:  Windows{{"1h", 60, 1}, {"24h", day, 60}, {"7d", 7 * day, 60}, {"30d", 30 * day, day}},
			Handlers: slices.Clone(Handlers), MinimumCases: 30, HumanWithin: 3 * time.Minute, RepeatContact: 168 * time.Hour,
		},
		Drift: Drift{FalseAlarmsAYear: 4, Reference: 672 * time.Hour, CSATMargin: 0.04, RateMargin: 0.15, MaskedEpsilon: 0.02,
			Weights: Weights{HumanOnly: 3}},
	}
}

// ErrMeasures is wrapped by every error of Read.
var ErrMeasures = errors.New("policy")

// Read takes the measures out of a policy's document, and leaves the rest unread: it need not be one of this version. It
// names no case type of its own. Errors report all faults at once, and wrap ErrMeasures.
func Read(document string) (*Measures, error) {
	m := Shipped()
	if err := yaml.Unmarshal([]byte(document), &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMeasures, err)
	}
	var faults []error
	fault := func(format string, a ...any) {
		faults = append(faults, fmt.Errorf("%w %s: "+format, append([]any{ErrMeasures, m.Version}, a...)...))
	}
	m.Metrics.Validate(fault)
	m.Drift.Validate(fault)
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &m, nil
}
