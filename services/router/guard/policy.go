// Package guard is the PersonaGuard: it routes a case by what kind of case it is, under a policy that is data in the
// log, and never by what a bot thinks of itself.
package guard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/policies"
	"github.com/casetrail/casetrail/schemas"
)

// caseType is what a case type's name looks like. Which there are, is for the policy to say: the shipped classifier finds
// eight, a classifier of the company's own may find others, and what a policy does not name goes to a human.
var caseType = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// Named tells whether a name can be a case type's: 1 to 64 lower-case letters, digits and underscores that begin with a letter,
// and none of the names that metrics and drift have for more than one type.
func Named(name string) bool {
	return caseType.MatchString(name) && !slices.Contains([]string{Unknown, "all", policies.HumanOnly, policies.AIHandles}, name)
}

// Unknown is the case type of a case that nothing certain is known about. It goes to a human, always.
const Unknown = "unknown"

// Bounds on a policy's document.
const (
	MaxDocument = 60 << 10 // with its record around it, it is a body that every verifier takes
	maxVersion  = 64
	maxTimer    = 90 * 24 * time.Hour
	// MaxQuestions bounds repeated_questions, and so how many questions a case remembers.
	MaxQuestions = 8
)

// Policy says which case types the AI handles, which tripwires pull a human in, and when a case ends by itself.
type Policy struct {
	Version   string    `yaml:"version"`
	Workflow  string    `yaml:"workflow"`
	Routes    Routes    `yaml:"routes"`
	Tripwires Tripwires `yaml:"tripwires"`
	// Classification may be left out, whole or in part; Shipped holds then.
	Classification Classification `yaml:"classification"`
	// IdleClose is how long a case may go without any event before it is concluded as abandoned.
	IdleClose time.Duration `yaml:"idle_close"`
	// Amendments is how long a concluded case takes a late rating or complaint.
	Amendments time.Duration `yaml:"amendments"`
	// Metrics and Drift may be left out, whole or in part; policies.Shipped holds then. The router makes nothing of them.
	Metrics policies.Metrics `yaml:"metrics"`
	Drift   policies.Drift   `yaml:"drift"`
}

// Routes lists the case types by who handles them. What is in neither goes to a human.
type Routes struct {
	AIHandles []string `yaml:"ai_handles"`
	HumanOnly []string `yaml:"human_only"`
}

// Tripwires are the customer's behaviours that pull a human into a case that the AI has.
type Tripwires struct {
	HumanRequest      bool          `yaml:"human_request"`
	NegativeMessages  int           `yaml:"negative_messages"`  // 0 turns it off
	NegativeSentiment float64       `yaml:"negative_sentiment"` // at or below it a message counts as negative
	Duration          time.Duration `yaml:"duration"`           // 0 turns it off
	// CaseTypeChange is how certain the classifier must be that a later message is of a human-only type, 0 to 1.
	CaseTypeChange float64 `yaml:"case_type_change"`
	// RepeatedQuestions is how many messages with the same question pull a human in, 2 to 8; 0 turns it off.
	RepeatedQuestions int  `yaml:"repeated_questions"`
	SupervisorRequest bool `yaml:"supervisor_request"`
	ThreatToLeave     bool `yaml:"threat_to_leave"`
	ThreatToComplain  bool `yaml:"threat_to_complain"`
}

// None is the policy where none has been published: everything goes to a human.
func None() *Policy {
	return &Policy{Classification: Shipped, Workflow: "customer_service", IdleClose: 4 * time.Hour, Amendments: 168 * time.Hour}
}

// ErrPolicy is wrapped by every fault of a policy's document.
var ErrPolicy = errors.New("policy")

// Parse reads a policy and reports all its faults at once. Errors wrap ErrPolicy and name the field and how to mend it.
func Parse(document []byte) (*Policy, error) {
	if len(document) > MaxDocument {
		return nil, fmt.Errorf("%w: the document has %d bytes, more than %d", ErrPolicy, len(document), MaxDocument)
	}
	measures := policies.Shipped()
	p := Policy{Classification: Shipped, Metrics: measures.Metrics, Drift: measures.Drift}
	dec := yaml.NewDecoder(bytes.NewReader(document))
	dec.KnownFields(true)
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: more than one YAML document; a policy is one", ErrPolicy)
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &p, nil
}

// Validate reports every fault of the policy at once.
func (p *Policy) Validate() error {
	var faults []error
	fault := func(format string, a ...any) {
		faults = append(faults, fmt.Errorf("%w: "+format, append([]any{ErrPolicy}, a...)...))
	}
	if n := len(p.Version); n == 0 || n > maxVersion || !utf8.ValidString(p.Version) || strings.ContainsAny(p.Version, "\n\r") {
		fault("version: must be 1 to %d bytes of UTF-8 on one line; every record names it", maxVersion)
	}
	if n := len(p.Workflow); n == 0 || n > 128 {
		fault("workflow: must be 1 to 128 bytes, such as customer_service")
	}
	seen := map[string]string{}
	for list, types := range map[string][]string{"routes.ai_handles": p.Routes.AIHandles, "routes.human_only": p.Routes.HumanOnly} {
		for _, t := range types {
			switch other := seen[t]; {
			case t == Unknown:
				fault("%s: %q always goes to a human and is not listed; take it out", list, t)
			case !Named(t):
				fault("%s: %.100q can't be a case type; use up to 64 lower-case letters, digits and underscores, such as refund_status", list, t)
			case other != "":
				fault("%s: case type %q is listed twice; keep it in one list", list, t)
			}
			seen[t] = list
		}
	}
	if len(p.Routes.AIHandles)+len(p.Routes.HumanOnly) == 0 {
		fault("routes: names no case type; list them under ai_handles and human_only")
	}
	if n := p.Tripwires.NegativeMessages; n < 0 || n > 100 {
		fault("tripwires.negative_messages: %d is not between 0 (off) and 100", n)
	}
	if s := p.Tripwires.NegativeSentiment; !(s >= -1 && s <= 1) {
		fault("tripwires.negative_sentiment: %v is not between -1 and 1", s)
	}
	if c := p.Tripwires.CaseTypeChange; !(c >= 0 && c <= 1) {
		fault("tripwires.case_type_change: %v is not between 0 and 1", c)
	}
	if n := p.Tripwires.RepeatedQuestions; n != 0 && (n < 2 || n > MaxQuestions) {
		fault("tripwires.repeated_questions: %d is neither 0 (off) nor between 2 and %d", n, MaxQuestions)
	}
	p.Classification.validate(fault)
	p.validateMeasures(fault)
	for name, d := range map[string]time.Duration{"tripwires.duration": p.Tripwires.Duration, "idle_close": p.IdleClose, "amendments": p.Amendments} {
		if name == "idle_close" && d < time.Second || d < 0 || d > maxTimer || d%time.Millisecond != 0 {
			fault("%s: %v is out of range; use a whole number of milliseconds such as 10m, at most %v", name, d, maxTimer)
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) }) // the lists are maps
	return errors.Join(faults...)
}

// validateMeasures checks how conduct is measured, and that it is about types that the policy routes.
func (p *Policy) validateMeasures(fault func(string, ...any)) {
	p.Metrics.Validate(fault)
	p.Drift.Validate(fault)
	routed := func(t string) bool {
		return slices.Contains(p.Routes.AIHandles, t) || slices.Contains(p.Routes.HumanOnly, t)
	}
	for name := range p.Drift.Weights {
		if name != policies.HumanOnly && name != policies.AIHandles && !routed(name) {
			fault("drift.weights.%s: neither %s nor %s nor a case type of the policy's routes", name, policies.HumanOnly, policies.AIHandles)
		}
	}
	for i, b := range p.Drift.Baselines {
		if b.CaseType != "" && !routed(b.CaseType) {
			fault("drift.baselines[%d].case_type: %q is in neither of the policy's routes", i, b.CaseType)
		}
	}
}

// Route says who handles a case of that type, and why, if the classifier gave that probability to its being one of the
// AI's types. It is the whole guard: the type decides, and how certain it is; nothing else.
func (p *Policy) Route(caseType string, ai schemas.Optional[float64]) (schemas.Handler, schemas.RouteReason) {
	switch {
	case inject.GuardBypassed.Is():
		return schemas.HandlerAI, schemas.RouteReasonCaseTypeAIHandled
	case p.Version == "":
		return schemas.HandlerHuman, schemas.RouteReasonNoPolicy
	case caseType == Unknown || caseType == "":
		return schemas.HandlerHuman, schemas.RouteReasonCaseTypeUnknown
	case slices.Contains(p.Routes.AIHandles, caseType) && !p.certain(ai):
		return schemas.HandlerHuman, schemas.RouteReasonNotCertainEnough
	case slices.Contains(p.Routes.AIHandles, caseType):
		return schemas.HandlerAI, schemas.RouteReasonCaseTypeAIHandled
	case slices.Contains(p.Routes.HumanOnly, caseType):
		return schemas.HandlerHuman, schemas.RouteReasonCaseTypeHumanOnly
	}
	return schemas.HandlerHuman, schemas.RouteReasonCaseTypeNotInPolicy
}

// HumanOnly tells whether the policy names the case type as one that no AI may handle.
func (p *Policy) HumanOnly(caseType string) bool {
	return slices.Contains(p.Routes.HumanOnly, caseType)
}
