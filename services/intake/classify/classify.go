// Package classify reads one customer message and tells what kind of case it opens, and how probable it is that an AI
// may have it. It is a linear model over hashed n-grams and meanings with embedded weights: no service to run, the same
// answer on every machine, and microseconds a message. A case that goes to a human for nothing costs minutes, and a fraud
// claim that goes to a bot costs a customer: so whoever routes holds AIProbability against a threshold.
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

// Unknown is the case type of a message that fits no other type: a human takes it.
const Unknown = "unknown"

// CaseTypes are the eight types a message can have besides Unknown, in the order of the model's heads. The first
// AITypes of them are the ones that the shipped policy gives to an AI.
var CaseTypes = []string{
	"refund_status", "balance_inquiry", "shipment_tracking", "basic_transaction_query",
	"dispute", "fraud_claim", "hardship_request", "complex_multi_product",
}

// AITypes is how many of CaseTypes an AI may handle.
const AITypes = 4

// Finding is what one message says. All of it is data for the log: probabilities are rounded to 1e-4.
type Finding struct {
	CaseType      string   // one of CaseTypes, or Unknown: the most probable
	Probability   float64  // of CaseType
	AIProbability float64  // that the matter is one of the AI's types, CaseTypes[:AITypes], and no clause of it a human's; weighed by what an error costs
	Bare          bool     // says nothing of its matter: a greeting, thanks, "are you there?"; the type is then Unknown
	Because       []string // at most 5 stretches of the normalised text that spoke most for CaseType, strongest first; from Explain only
}

// release names the code and training recipe that the weights belong to.
const release = "linear-ngram-2026.14"

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

// Embedded gives the embedded weights, as Parse takes them. They must not be changed.
func Embedded() []byte { return embedded }

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

// Threshold is the AIProbability from which on an AI may have a case, for a leak of 0.005 on the data that the model was
// calibrated with.
func (m *Model) Threshold() float64 { return m.file.Threshold }

// Learnt tells whether the weights were learnt from this text, in whatever case and punctuation, among others. By chance it
// says so of one text in a hundred thousand that they were not.
func (m *Model) Learnt(text string) bool {
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	s.message.Extract(text)
	_, found := slices.BinarySearch(m.file.Learnt, s.message.Hash())
	return found && len(s.message.Words) > 0
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
	if s.bare() {
		return Finding{CaseType: Unknown, Probability: 1, Bare: true}
	}
	var whole sums
	clauses := s.clauses[:len(s.message.Clauses)]
	for i, c := range s.message.Clauses {
		clauses[i] = m.sum(s.message.Features[c.Start:c.End])
		clauses[i].words = c.Words
		whole.add(&clauses[i])
	}
	p := m.probabilities(&whole)
	best := headUnknown
	for head := range headUnknown {
		if p[head] > p[best] {
			best = head
		}
	}
	found := Finding{CaseType: Unknown, Probability: round(p[best]), AIProbability: round(m.forAI(s, &p, clauses))}
	if best < headUnknown {
		found.CaseType = CaseTypes[best]
	}
	return found
}
