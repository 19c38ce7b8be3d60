package guard

import (
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/schemas"
)

// Classification is how certain intake's classifier must be of the type before the AI gets a case, and how long a case
// may wait for the customer to say what it is about. It is about the type alone: what a bot thinks of itself is nowhere.
type Classification struct {
	// MaxLeak is the share of human-only cases that the AI may get, on the data that AIThreshold was set by. It is there
	// to be read and reckoned again with; routing looks at AIThreshold alone.
	MaxLeak float64 `yaml:"max_leak"`
	// AIThreshold is the least probability of an AI's type, 0 to 1, at which the AI gets a case.
	AIThreshold float64 `yaml:"ai_threshold"`
	// Classifier is the version of the classifier that AIThreshold was reckoned for; empty where that is not said.
	Classifier string `yaml:"classifier"`
	// WaitForContent is how many of the customer's first messages may decide: 1 to 20. If they all say nothing of the
	// matter, the type is unknown and a human takes the case.
	WaitForContent int `yaml:"wait_for_content"`
}

// Shipped is what holds for a policy, or a field of its classification, that says nothing: the values of the policy that
// ships with this version of Casetrail.
var Shipped = Classification{MaxLeak: 0.005, AIThreshold: 0.9, WaitForContent: 3}

const maxWait = 20

func (c *Classification) validate(fault func(string, ...any)) {
	if !(c.MaxLeak > 0 && c.MaxLeak <= 1) {
		fault("classification.max_leak: %v is not above 0 and at most 1; 0.005 is half a percent of the human-only cases", c.MaxLeak)
	}
	if !(c.AIThreshold > 0 && c.AIThreshold <= 1) {
		fault("classification.ai_threshold: %v is not above 0 and at most 1; reckon it with casetrail calibrate", c.AIThreshold)
	}
	if len(c.Classifier) > maxVersion {
		fault("classification.classifier: has %d bytes; a classifier's version has at most %d", len(c.Classifier), maxVersion)
	}
	if c.WaitForContent < 1 || c.WaitForContent > maxWait {
		fault("classification.wait_for_content: %d is not between 1 (the first message decides) and %d", c.WaitForContent, maxWait)
	}
}

// Waits tells whether a case still waits for content when so many messages of the customer have said nothing of its
// matter. Without an AI to greet, nobody waits.
func (p *Policy) Waits(messages int32) bool {
	return p.Version != "" && len(p.Routes.AIHandles) > 0 && (int(messages) < p.Classification.WaitForContent || inject.WaitsForEver.Is())
}

// certain tells whether the classifier is as certain of an AI's type as the policy asks. Events of an intake that gave no
// probability are routed by their type, as they were then.
func (p *Policy) certain(ai schemas.Optional[float64]) bool {
	return !ai.Set || ai.Value >= p.Classification.AIThreshold || inject.CertaintyNotAsked.Is()
}
