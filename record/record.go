// Package record is the format of Casetrail's ledger: how a record is encoded, hashed, chained, signed and verified, and
// how a checkpoint commits to all records before it. It is meant to be read whole by an auditor, so it depends on the
// standard library and golang.org/x/mod alone, encodes Avro by hand, and does no I/O but reading and making key files.
//
// A ledger is one hash chain of signed records. The body of a record is payload ‖ key id (4 bytes) ‖ signature (64 bytes):
// the signed bytes are a prefix of what is stored, so nobody encodes a record again to verify it.
package record

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is a SHA-256 value.
type Hash = tlog.Hash

// MaxBody is the size of the largest body that a verifier takes: what fits an entry of tlog-tiles (https://c2sp.org/tlog-tiles).
const MaxBody = 1<<16 - 1

// trailer is what follows the payload in a body: the key id and the signature.
const trailer = 4 + 64

// Optional is a value that may be absent (an Avro union with null).
type Optional[T any] struct {
	Value T
	Set   bool
}

// Some is a value that is present.
func Some[T any](v T) Optional[T] { return Optional[T]{v, true} }

// Source is the position of what caused a record.
type Source struct {
	Partition int32
	Offset    int64
	Ordinal   int32
}

// GenesisSource is the source of a ledger's first record, which nothing caused. It is before every other.
var GenesisSource = Source{Partition: -1, Offset: -1}

func (s Source) String() string { return fmt.Sprintf("%d/%d/%d", s.Partition, s.Offset, s.Ordinal) }

// After tells whether s comes after t: by partition, then offset, then ordinal.
func (s Source) After(t Source) bool {
	switch {
	case s.Partition != t.Partition:
		return s.Partition > t.Partition
	case s.Offset != t.Offset:
		return s.Offset > t.Offset
	}
	return s.Ordinal > t.Ordinal
}

// Record is the payload of a record: what is signed. Exactly the part that its Kind names is encoded; the others are
// ignored. Times are milliseconds since 1970-01-01 UTC.
type Record struct {
	PreviousHash Hash // leaf hash of the previous body; zeros in the genesis record
	Ledger       string
	Sequence     int64
	Kind         Kind
	Source       Source
	Case         Case
	Amendment    Amendment
	Policy       Policy
	Rotation     Rotation
	Erasure      Erasure
}

// Case is the conduct of one case (conduct_case.avsc): no chat text and no identity of the customer.
type Case struct {
	Workflow, CaseID, CaseType string
	Route                      Route
	Handler                    Handler
	AIModelVersion             Optional[string]
	ClassifierVersion          string
	PolicyVersion              string
	ResolutionOutcome          Outcome
	CustomerSatisfactionScore  Optional[int32]
	ComplaintLodged            bool
	EscalationTriggered        bool
	EscalationSignals          []Signal
	OpenedAt                   int64
	HumanRequestedAt           Optional[int64]
	EscalatedAt                Optional[int64]
	HumanJoinedAt              Optional[int64]
	ConcludedAt                int64
	CustomerMessages           int32
	AIMessages                 int32
	HumanMessages              int32
	GuardBreach                bool
	Synthetic                  bool
	CustomerCommitment         Hash
}

// Amendment is a rating or a complaint that came after the conclusion (conduct_amendment.avsc).
type Amendment struct {
	Amends                    Source // the source of the record that it amends
	CaseID, CaseType          string
	Route                     Route
	Handler                   Handler
	AmendedAt                 int64
	CustomerSatisfactionScore Optional[int32]
	ComplaintLodged           bool
	Synthetic                 bool
}

// Policy says that a policy took effect (conduct_policy.avsc).
type Policy struct {
	Version   string
	SHA256    Hash // of Document
	AppliedAt int64
	Document  string
}

// Rotation names the key that signs from the next sequence on (key_rotation.avsc), as a signed-note verifier key.
type Rotation struct {
	PublicKey    string
	FromSequence int64
}

// Erasure says what was erased elsewhere (erasure.avsc); the chain itself stays whole.
type Erasure struct {
	CaseIDsSHA256 Hash // over random bytes that nobody keeps, and commitments: it can't be opened
	ErasedAt      int64
}

// Signed is a decoded body.
type Signed struct {
	Record
	KeyID     [4]byte // the signed-note key id of the key that signed
	Signature [64]byte
	Payload   []byte // the signed bytes, a prefix of Body
	Body      []byte
}
