package remote

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/router/guard"
)

// question is what is sent.
type question struct {
	Text string `json:"text"`
}

// answer is what must come back: all of it, and nothing else.
type answer struct {
	Version       string   `json:"version"`        // 1 to 64 bytes without spaces: the model's, for the record
	CaseType      string   `json:"case_type"`      // a type of the policy, such as refund_status, or unknown
	Probability   *float64 `json:"probability"`    // of CaseType, 0 to 1
	AIProbability *float64 `json:"ai_probability"` // that it is one of the types that an AI may have, 0 to 1
	Bare          bool     `json:"bare"`           // may be left out; the type is then unknown
	Because       []string `json:"because"`        // may be left out: at most 5 stretches of the text, of at most 100 bytes
}

const (
	maxVersion = 64
	maxBecause = 5
	maxStretch = 100
)

// parse reads an answer, strictly. Errors wrap errLarge or errBroken.
func parse(raw []byte) (classify.Finding, string, error) {
	if len(raw) > MaxAnswer {
		return classify.Finding{}, "", errLarge
	}
	var a answer
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&a); err != nil {
		return classify.Finding{}, "", fmt.Errorf("%w: %w", errBroken, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return classify.Finding{}, "", fmt.Errorf("%w: more than one answer", errBroken)
	}
	known := a.CaseType == classify.Unknown || guard.Named(a.CaseType) && !a.Bare
	if inject.FailsOpen.Is() && a.Probability != nil && a.AIProbability != nil {
		known, a.Version = true, "x"
	}
	if !known || !version(a.Version) || !probability(a.Probability) || !probability(a.AIProbability) || !stretches(a.Because) {
		return classify.Finding{}, "", fmt.Errorf("%w: a field is missing or out of range", errBroken)
	}
	return classify.Finding{CaseType: a.CaseType, Probability: round(*a.Probability), AIProbability: round(*a.AIProbability), Bare: a.Bare, Because: a.Because},
		a.Version, nil
}

func version(v string) bool {
	return v != "" && len(v) <= maxVersion && !strings.HasPrefix(v, noAnswer) &&
		!strings.ContainsFunc(v, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) || r == ' ' })
}

func probability(p *float64) bool { return p != nil && *p >= 0 && *p <= 1 }

func stretches(s []string) bool {
	return len(s) <= maxBecause && !slices.ContainsFunc(s, func(t string) bool { return len(t) > maxStretch || !utf8.ValidString(t) })
}

// round is downward, so that no probability passes a threshold that it did not reach.
func round(p float64) float64 { return math.Floor(p*10000) / 10000 }
