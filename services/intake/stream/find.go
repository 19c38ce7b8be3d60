package stream

import "github.com/casetrail/casetrail/schemas"

// find makes the case event: the chat event, and what the models find in a customer's message.
func (h *Handler) find(e *schemas.ChatEvent, observed int64) error {
	h.found = schemas.CaseEvent{EventID: e.EventID, CaseID: e.CaseID, Kind: e.Kind, Sender: e.Sender, OccurredAt: e.OccurredAt,
		ObservedAt: observed, Text: e.Text, AIModelVersion: e.AIModelVersion, Outcome: e.Outcome, Rating: e.Rating, Synthetic: e.Synthetic}
	if e.CustomerID.Set {
		h.found.CustomerCommitment = schemas.Some(schemas.Hash(h.Customers.Commitment(e.CustomerID.Value)))
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
