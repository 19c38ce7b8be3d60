package record

import "fmt"

// Reason says in one word why a body or a checkpoint was not taken. Readers count skipped bodies by it.
type Reason uint8

// The reasons.
const (
	Malformed      Reason = iota // not the canonical encoding of a record, or not a checkpoint
	OtherLedger                  // a record of another ledger
	Duplicate                    // the very body that stands at this sequence: harmless
	Stale                        // a sequence taken so long ago that its hash is no longer known
	Gap                          // a sequence beyond the next one
	BrokenChain                  // the previous hash is not the hash of the record before
	WrongKind                    // a first record that is no genesis, a later one that is, or one after a seal
	SourceNotAbove               // its source is not above the last one's
	UnknownKey                   // signed by a key that is not valid at this sequence
	BadSignature                 // the signature does not verify
	BadRotation                  // names a key or a sequence that cannot be
	Equivocation                 // a second validly signed record at a sequence that is taken: the signer lied
	Contested                    // a validly signed record at a sequence that was taken unverified: read again with Accept
	RootMismatch                 // a checkpoint's root is not that of the records
	Missing                      // a checkpoint promises records that are not there
	Misconduct                   // what the record says contradicts itself
	Revoked                      // by a key that was revoked, beyond where its signatures stand
	reasons
)

var reasonNames = [reasons]string{"malformed", "other_ledger", "duplicate", "stale", "gap", "broken_chain", "wrong_kind", "source_not_above",
	"unknown_key", "bad_signature", "bad_rotation", "equivocation", "contested", "root_mismatch", "missing", "misconduct", "revoked"}

func (r Reason) String() string {
	if r >= reasons {
		return fmt.Sprintf("unknown(%d)", uint8(r))
	}
	return reasonNames[r]
}

// Reasons are all reasons, in order: for counters.
func Reasons() []Reason {
	all := make([]Reason, reasons)
	for i := range all {
		all[i] = Reason(i)
	}
	return all
}

// unknown is the sequence of a body that could not be told.
const unknown = -1

// Fault is why a body or a checkpoint was refused. All errors of this package about what it read are one.
type Fault struct {
	Ledger   string // the ledger that was being read
	Sequence int64  // the record at fault; where it cannot be told, the one that was due; -1 outside a ledger
	Field    string
	Reason   Reason
	Detail   string
}

func (f *Fault) Error() string {
	at := ""
	if f.Ledger != "" {
		at = "ledger " + f.Ledger + " "
	}
	if f.Sequence >= 0 {
		at += fmt.Sprintf("sequence %d ", f.Sequence)
	}
	if f.Field != "" {
		at += "field " + f.Field
	}
	return fmt.Sprintf("%s: %v: %s", at, f.Reason, f.Detail)
}
