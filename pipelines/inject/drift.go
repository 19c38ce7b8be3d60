package inject

// Mutants of what is said of segments.
const (
	// TemperingOff has the detector take a stream for independent draws.
	TemperingOff Mutant = "tempering-off"
	// MaskedRuleOff names no drift masked, whatever the aggregate does.
	MaskedRuleOff Mutant = "masked-rule-off"
	// PaneTwice has the monitor count an hour again that it has counted.
	PaneTwice Mutant = "pane-twice"
)
