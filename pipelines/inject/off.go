//go:build !inject

package inject

// On tells whether this build can inject faults.
const On = false

// Is tells whether a mutant is on: never in this build.
func (m Mutant) Is() bool { return false }

// Pass does nothing in this build.
func (p Point) Pass() {}

// Armed tells whether the process is to kill itself here: never in this build.
func (p Point) Armed() bool { return false }
