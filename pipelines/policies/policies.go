// Package policies holds the policy that ships with Casetrail.
package policies

import _ "embed"

// Default is the policy of the mission: which case types the AI handles, which are for humans only, and the tripwires.
//
//go:embed default.yaml
var Default []byte
