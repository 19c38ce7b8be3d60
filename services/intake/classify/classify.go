// Package classify reads one customer message: what kind of case it opens, whether it asks for a human, and how it
// feels about the service. It is a linear model over hashed n-grams with embedded weights: no service to run, the same
// answer on every machine, and microseconds a message. When it is not certain it says so, because a case that goes to
// a human for nothing costs minutes, and a fraud claim that goes to a bot costs a customer.
package classify

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"

	"github.com/casetrail/casetrail/services/intake/classify/internal/ngram"
	"github.com/casetrail/casetrail/services/intake/classify/internal/weights"
)

// Unknown is the case type of a message that fits no type, or not certainly enough: a human takes it.
const Unknown = "unknown"

// NegativeSentiment is the sentiment at or below which a message counts as negative.
const NegativeSentiment = -0.5

// CaseTypes are the eight types a message can have besides Unknown, in the order of the model's heads. The first
// AITypes of them are the ones that a policy may give to an AI.
var CaseTypes = []string{
	"refund_status", "balance_inquiry", "shipment_tracking", "basic_transaction_query",
	"dispute", "fraud_claim", "hardship_request", "complex_multi_product",
}

// AITypes is how many of CaseTypes need certainty before they are named, since an AI may handle them.
const AITypes = 4

// Finding is what one message says. All of it is data for the log: probabilities and sentiment are rounded to 1e-4.
type Finding struct {
	CaseType      string   // one of CaseTypes, or Unknown
	Probability   float64  // of CaseType
	AIProbability float64  // of the matter being one of the AI's types, CaseTypes[:AITypes]
	Bare          bool     // says nothing of its matter: a greeting, thanks, "are you there?"; the type is then Unknown
	Because       []string // at most 5 stretches of the normalised text that spoke most for CaseType, strongest first; from Explain only
	HumanRequest  bool     // the customer asks for a human
	Sentiment     float64  // -1 (very negative about the service) to +1; NegativeSentiment and below counts as negative
}

// release names the code and training recipe that the weights belong to.
const release = "linear-ngram-2026.11"

//go:embed model.bin
var embedded []byte

// Model is a loaded classifier. It is safe for concurrent use.
type Model struct {
	version string
	file    *weights.File
	scratch sync.Pool
}

// Load gives the model with the embedded weights.
func Load() (*Model, error) { return Parse(embedded) }

// Parse gives the model with the weights in data, which must stay unchanged while the model is in use. Weights that
// are cut short, altered or of another format are an error.
func Parse(data []byte) (*Model, error) {
	file, err := weights.Decode(data)
	if err != nil {
		return nil, err
	}
	if file.Bits != ngram.Bits {
		return nil, fmt.Errorf("%w: 2^%d features, not 2^%d", weights.ErrBroken, file.Bits, ngram.Bits)
	}
	sum := sha256.Sum256(data)
	m := &Model{version: release + "+" + hex.EncodeToString(sum[:4]), file: file}
	m.scratch.New = func() any { return new(scratch) }
	return m, nil
}

// Version names code and weights; findings of one version are the same everywhere.
func (m *Model) Version() string { return m.version }

type scratch struct {
	message ngram.Message
	clauses [ngram.MaxClauses]sums
}

// Classify reads one message. It takes any bytes, never panics, and does bounded work: of a long message it reads the
// first 2,000 and the last 500 characters.
func (m *Model) Classify(text string) Finding {
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	return m.classify(s, text)
}

// Explain is Classify with Because.
func (m *Model) Explain(text string) Finding {
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	found := m.classify(s, text)
	if !found.Bare {
		found.Because = m.because(s, headOf(found.CaseType))
	}
	return found
}

// Find is Explain with the model's version.
func (m *Model) Find(text string) (Finding, string) { return m.Explain(text), m.version }

func headOf(caseType string) int {
	if i := slices.Index(CaseTypes, caseType); i >= 0 {
		return i
	}
	return headUnknown
}

func (m *Model) classify(s *scratch, text string) Finding {
	s.message.Extract(text)

	var whole sums
	clauses := s.clauses[:len(s.message.Clauses)]
	end := 0
	for i, c := range s.message.Clauses {
		clauses[i] = m.sum(s.message.Features[c.Start:c.End])
		clauses[i].words = c.Words
		whole.add(&clauses[i])
		end = c.End
	}
	tone := m.sum(s.message.Features[end:])
	whole.add(&tone)
	if whole.words == 0 {
		clauses = nil
	}

	found := Finding{
		HumanRequest: m.wantsHuman(&whole, clauses),
		Sentiment:    float64(m.sentiment(&whole)) / 10000,
	}
	if s.bare() {
		found.CaseType, found.Probability, found.Bare = Unknown, 1, true
		return found
	}
	caseType, probability := m.decide(&whole, clauses)
	found.CaseType, found.Probability = caseType, float64(probability)/10000
	ai := 0
	p := m.probabilities(&whole)
	for _, p := range p[:AITypes] {
		ai += p
	}
	found.AIProbability = float64(min(ai, 10000)) / 10000
	return found
}
