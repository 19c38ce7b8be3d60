// Package training makes the classifier's weights from labelled messages and from phrases written for it. The same
// examples give the same bytes on every machine. It leaves out where labelled messages come from.
package training

import "github.com/casetrail/casetrail/services/intake/classify/assess"

// Example is a text with what is known of it.
type Example struct {
	Text   string
	Source string // examples of a source are held out together, and count by the root of their number
	Label  string // what the source calls it
	Type   int    // its place in assess.Types; Several if the source names several and prefers none
	Also   assess.Set
	Line   int // of the phrase files' patterns

	target [heads]float32
}

// Several is the type of an example that could as well be one of several.
const Several = -1

const (
	heads   = assess.Unknown + 1
	complex = assess.Unknown - 1
	own     = "own"      // the source of the phrases
	joined  = "composed" // and of texts joined from two
)

// alsoShare is what the second types of an example have of it.
const alsoShare = 0.25

// New makes an example of one type, and of others that would be no error.
func New(text, source, label string, kind int, also assess.Set) *Example {
	e := &Example{Text: text, Source: source, Label: label, Type: kind, Also: also}
	var others float32
	for k := range heads {
		if also.Has(k) && k != kind {
			others++
		}
	}
	for k := range heads {
		if also.Has(k) && k != kind {
			e.target[k] = alsoShare / others
		}
	}
	e.target[kind] = 1
	if others > 0 {
		e.target[kind] = 1 - alsoShare
	}
	return e
}

// NewDoubtful makes an example that teaches to hesitate between types.
func NewDoubtful(text, source, label string, types assess.Set) *Example {
	e := &Example{Text: text, Source: source, Label: label, Type: Several, Also: types}
	var n float32
	for k := range heads {
		if types.Has(k) {
			n++
		}
	}
	for k := range heads {
		if types.Has(k) {
			e.target[k] = 1 / n
		}
	}
	return e
}
