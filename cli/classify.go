package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/router/guard"
)

type classifyCommand struct {
	Text       string `arg:"" help:"A customer's message."`
	Classifier string `placeholder:"FILE" help:"A model that casetrail train made, instead of the embedded one."`
	Policy     string `placeholder:"FILE" type:"existingfile" help:"The policy whose threshold and routes count; otherwise the model's own threshold and the AI's four types."`
	JSON       bool   `help:"Print one JSON object."`
}

// Run says what the classifier finds in a message as a case's first, and where it would go.
func (c *classifyCommand) Run() error {
	model, err := loadClassifier(c.Classifier)
	if err != nil {
		return err
	}
	threshold, ai := model.Threshold(), classify.CaseTypes[:classify.AITypes]
	if c.Policy != "" {
		b, err := os.ReadFile(c.Policy)
		if err != nil {
			return err
		}
		p, err := guard.Parse(b)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Policy, err)
		}
		threshold, ai = p.Classification.AIThreshold, p.Routes.AIHandles
	}
	found := model.Explain(c.Text)
	route, why := routeOf(found, threshold, ai)
	if c.JSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		return out.Encode(map[string]any{"case_type": found.CaseType, "probability": found.Probability,
			"ai_probability": found.AIProbability, "ai_threshold": threshold, "bare": found.Bare, "because": found.Because,
			"route": route, "why": why, "classifier": model.Version()})
	}
	fmt.Printf("case type       %s, probability %.4f\n", found.CaseType, found.Probability)
	fmt.Printf("AI probability  %.4f, threshold %.4f\n", found.AIProbability, threshold)
	fmt.Printf("route           %s: %s\n", route, why)
	if len(found.Because) > 0 {
		fmt.Printf("because of      \"%s\"\n", strings.Join(found.Because, `", "`))
	}
	fmt.Printf("classifier      %s\n", model.Version())
	return nil
}

func routeOf(found classify.Finding, threshold float64, ai []string) (route, why string) {
	switch {
	case found.Bare:
		return "anyone", "it says nothing of its matter yet"
	case !slices.Contains(ai, found.CaseType):
		return "human", "the type is not the AI's"
	case found.AIProbability < threshold:
		return "human", "not certain enough that it is the AI's"
	}
	return "ai", "one of the AI's types, and certain enough"
}
