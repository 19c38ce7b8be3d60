// Package signals hears what a customer's message says besides its type: that the customer asks for a human or a
// supervisor, threatens to leave or to complain, is displeased with the service, and which question is asked. It reads
// with a grammar of its own (rules/*.txt), so that every finding can be traced to a line that a person wrote, and it
// takes the same text to the same finding on every machine.
package signals

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"math"
	"sync"
)

// NegativeSentiment is the sentiment at or below which a message counts as negative.
const NegativeSentiment = -0.5

// Found is what one message says. It is data for the log.
type Found struct {
	HumanRequest      bool     // the customer asks for a human, or refuses a bot
	SupervisorRequest bool     // the customer asks for somebody's superior; HumanRequest is then true too
	ThreatToLeave     bool     // the customer will go elsewhere, or close the account because of this; not a plain cancellation
	ThreatToComplain  bool     // the customer will turn to a regulator, a court, the press, reviews or the bank against the service
	Sentiment         float64  // about the service or the progress, -1 to 1, rounded to 1e-4; NegativeSentiment and below is negative
	Sketch            []uint32 // at most SketchSize words of the question, as hashes in rising order; empty if the message asks nothing
}

// release names the code; the rules' hash is in the version too.
const release = "rules-2026.13"

//go:embed rules/*.txt
var files embed.FS

// order is that of the rules: a class stands above what names it.
var order = []string{"base", "en", "es", "de", "fr", "sv", "tone", "threats", "questions"}

// Detector holds the compiled rules. It is safe for concurrent use.
type Detector struct {
	grammar *grammar
	version string
	scratch sync.Pool
}

// Load compiles the embedded rules, which takes some milliseconds.
func Load() (*Detector, error) {
	p, sum := newParser(), sha256.New()
	for _, name := range order {
		text, err := files.ReadFile("rules/" + name + ".txt")
		if err != nil {
			return nil, err
		}
		if err := p.parse(name+".txt", string(text)); err != nil {
			return nil, fmt.Errorf("signals: %w", err)
		}
		sum.Write(text)
	}
	d := &Detector{grammar: p.finish(), version: release + "+" + hex.EncodeToString(sum.Sum(nil)[:4])}
	d.scratch.New = func() any { return new(message) }
	return d, nil
}

// Version names code and rules; findings of one version are the same everywhere.
func (d *Detector) Version() string { return d.version }

// Detect reads one message. It takes any bytes, never panics, and does bounded work: of a message longer than 20,000
// bytes it reads the first 16,000 and the last 4,000.
func (d *Detector) Detect(text string) Found {
	m := d.scratch.Get().(*message)
	defer d.scratch.Put(m)
	m.read(d.grammar, text)
	m.match(d.grammar)
	return Found{
		HumanRequest:      m.says(human) || m.says(supervisor),
		SupervisorRequest: m.says(supervisor),
		ThreatToLeave:     m.says(leave),
		ThreatToComplain:  m.says(complain),
		Sentiment:         math.Round(m.sentiment()*10000) / 10000,
		Sketch:            m.sketch(d.grammar),
	}
}
