package stream

import (
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/casetrail/casetrail/schemas"
)

// find makes the case event: the chat event, and what the models find in a customer's message.
func (h *Handler) find(e *schemas.ChatEvent, observed int64) error {
	h.found = schemas.CaseEvent{EventID: e.EventID, CaseID: e.CaseID, Kind: e.Kind, Sender: e.Sender, OccurredAt: e.OccurredAt,
		ObservedAt: observed, Text: e.Text, AIModelVersion: e.AIModelVersion, Outcome: e.Outcome, Rating: e.Rating, Synthetic: e.Synthetic}
	if e.CustomerID.Set {
		var salt [16]byte
		if _, err := io.ReadFull(h.Salts, salt[:]); err != nil {
			return fmt.Errorf("mint a salt: %w", err)
		}
		h.found.CustomerSalt = schemas.Some(salt[:])
		h.found.CustomerCommitment = schemas.Some(Commitment(salt[:], e.CustomerID.Value))
	}
	if e.Kind == schemas.EventKindMessage && e.Sender == schemas.SenderCustomer {
		f := h.Model.Classify(e.Text.Value)
		h.found.CaseType = schemas.Some(f.CaseType)
		h.found.CaseTypeProbability = schemas.Some(f.Probability)
		h.found.HumanRequest = f.HumanRequest
		h.found.Sentiment = schemas.Some(f.Sentiment)
		h.found.ClassifierVersion = h.Model.Version()
	}
	return nil
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
