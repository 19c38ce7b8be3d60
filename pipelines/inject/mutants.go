// Package inject is where tests put faults into a service that is otherwise the one that is shipped: mutants, which take
// one guarantee out so that a test can show that it notices, and crash points, at which a process kills itself. Only a
// build with the tag inject has them; in any other, Mutant is false and Crash is nothing, and the compiler removes both.
package inject

// A Mutant is a guarantee taken out. At most one is on at a time.
type Mutant string

// The mutants. Each says what it takes out; what must notice it is in e2e/cmd/mutants.
const (
	// PositionFilterOff has a stage write again what its outputs show it to have written before.
	PositionFilterOff Mutant = "position-filter-off"
	// ReaderFilterOff has a reader take messages whose position it has applied already.
	ReaderFilterOff Mutant = "reader-filter-off"
)

// A Point is a place at which a process can be made to kill itself.
type Point string
