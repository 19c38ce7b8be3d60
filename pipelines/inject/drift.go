package inject

// Mutants of what is said of segments.
const (
	// TemperingOff has the detector take a stream for independent draws.
	TemperingOff Mutant = "tempering-off"
	// MaskedRuleOff names no drift masked, whatever the aggregate does.
	MaskedRuleOff Mutant = "masked-rule-off"
	// SeasonsOff has the monitor expect the same of every hour.
	SeasonsOff Mutant = "seasons-off"
	// BudgetNotShared gives every test the false alarms of all.
	BudgetNotShared Mutant = "budget-not-shared"
	// PaneTwice has the monitor count an hour again that it has counted.
	PaneTwice Mutant = "pane-twice"
)
