package inject

import "time"

// Mutants of determinism, and of what a case is owed.
const (
	// MapOrder has the aggregator list segments in the order of a map.
	MapOrder Mutant = "map-order"
	// ClockRead has the router take the time from the machine's clock.
	ClockRead Mutant = "clock-read"
	// RandomSigned has the record-signer sign something that is another each time.
	RandomSigned Mutant = "random-signed"
	// TimerLost has the router forget its timers when it recovers.
	TimerLost Mutant = "timer-lost"
	// GuardBypassed has the router give every case type to the AI.
	GuardBypassed Mutant = "guard-bypassed"
	// TripwireTwice has a tripwire escalate twice.
	TripwireTwice Mutant = "tripwire-twice"
	// AmendmentDropped has the router take a late rating or complaint and say nothing.
	AmendmentDropped Mutant = "amendment-dropped"
	// WindowEarly has the aggregator publish when the first ledger has passed a window's end, and not the last.
	WindowEarly Mutant = "window-early"
)

// Noise is another number each time: what a mutant puts where it must not be.
func Noise() int64 { return time.Now().UnixNano() / 1000 }
