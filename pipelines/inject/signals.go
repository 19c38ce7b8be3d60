package inject

// Mutants of what intake hears in a message.
const (
	// NothingTakenBack has a request stand that the same words take back: "don't transfer me".
	NothingTakenBack Mutant = "nothing-taken-back"
	// ClauseCrossed lets words of one clause take back what another says: "not you, a person".
	ClauseCrossed Mutant = "clause-crossed"
	// AimOff counts every anger against the service: at the thief, at the weather.
	AimOff Mutant = "aim-off"
	// QuotesCount takes what the customer quotes of the bot for the customer's own words.
	QuotesCount Mutant = "quotes-count"
	// CapitalsNotRead hears only what is in small letters.
	CapitalsNotRead Mutant = "capitals-not-read"
	// EndUnheard reads a message from its beginning until the work allowed is done.
	EndUnheard Mutant = "end-unheard"
	// ClauseVetoOff has the classifier judge a message as a whole, whatever a clause of it is about.
	ClauseVetoOff Mutant = "clause-veto-off"
	// CostsOff has an error of the classifier's cost the same whatever its kind.
	CostsOff Mutant = "costs-off"
	// LearntRowsTaken reckons a threshold on rows that the model was trained on.
	LearntRowsTaken Mutant = "learnt-rows-taken"
)
