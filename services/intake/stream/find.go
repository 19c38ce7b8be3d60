package stream

import (
	"crypto/hmac"
	"crypto/sha256"

	"github.com/casetrail/casetrail/schemas"
)

// find makes the case event: the chat event, and what the models find in a customer's message.
func (h *Handler) find(e *schemas.ChatEvent, observed int64) error {
	h.found = schemas.CaseEvent{EventID: e.EventID, CaseID: e.CaseID, Kind: e.Kind, Sender: e.Sender, OccurredAt: e.OccurredAt,
		ObservedAt: observed, Text: e.Text, AIModelVersion: e.AIModelVersion, Outcome: e.Outcome, Rating: e.Rating, Synthetic: e.Synthetic}
	if e.CustomerID.Set {
		salt := Salt(h.CustomerKey, e.CustomerID.Value)
		h.found.CustomerSalt = schemas.Some(salt)
		h.found.CustomerCommitment = schemas.Some(Commitment(salt, e.CustomerID.Value))
	}
	switch {
	case e.Kind == schemas.EventKindMessage && e.Sender == schemas.SenderCustomer:
		h.read(e.Text.Value)
	case e.Kind == schemas.EventKindCaseTypeCorrected:
		h.found.CaseType = e.CaseType
	}
	return nil
}

// read adds what the models find in a customer's message.
func (h *Handler) read(text string) {
	f, version := h.Model.Find(text)
	h.found.CaseType = schemas.Some(f.CaseType)
	h.found.CaseTypeProbability = schemas.Some(f.Probability)
	h.found.AIProbability = schemas.Some(f.AIProbability)
	h.found.Bare, h.found.Because = f.Bare, f.Because
	s := h.Signals.Detect(text)
	h.found.HumanRequest, h.found.SupervisorRequest = s.HumanRequest, s.SupervisorRequest
	h.found.ThreatToLeave, h.found.ThreatToComplain = s.ThreatToLeave, s.ThreatToComplain
	h.found.Sentiment = schemas.Some(s.Sentiment)
	for _, w := range s.Sketch {
		h.found.Question = append(h.found.Question, int64(w))
	}
	h.found.ClassifierVersion = h.version.of(version, h.Signals.Version())
}

// versions makes one text of the versions of both models.
type versions struct{ classifier, both string }

func (v *versions) of(classifier, signals string) string {
	if v.both == "" || v.classifier != classifier {
		v.classifier, v.both = classifier, classifier+" "+signals
	}
	return v.both
}

// Salt is the salt of a customer's commitments: the first 16 bytes of HMAC-SHA256(key, id). While the key is the same, a
// customer's cases have the same commitment, so that a repeat shows; without the key, no id can be guessed from it.
func Salt(key []byte, id string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(id))
	return m.Sum(nil)[:16]
}

// Commitment is SHA-256(salt, "customer_id", id): it ties a case to a customer for whoever knows salt and id, and for
// nobody else.
func Commitment(salt []byte, id string) schemas.Hash {
	d := sha256.New()
	d.Write(salt)
	d.Write([]byte("customer_id"))
	d.Write([]byte(id))
	return schemas.Hash(d.Sum(nil))
}
