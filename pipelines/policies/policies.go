// Package policies holds the policy that ships with Casetrail, and reads from any policy how conduct is measured: for the guard,
// which checks it, and for those who compute from the ledger.
package policies

import _ "embed"

// Default is the policy of the mission: which case types the AI handles, which are for humans only, and the tripwires.
//
//go:embed default.yaml
var Default []byte

// Before is the policy of a company that gives its AI every case type: what casetrail simulate plays unless told otherwise.
//
//go:embed before.yaml
var Before []byte
