package main

// mutant is a guarantee that is taken out, by its name in pipelines/inject, and the test that must fail then.
type mutant struct {
	name string
	out  string // what it takes out
	pkg  string
	test string   // for go test -run
	args []string // of the test binary, beside that
}

const (
	adapter = "./pipelines/kafka"
	whole   = "./e2e"
	router  = "./services/router/cases"
	again   = "./e2e/rerun"

	simulator = "./e2e/simulate"
	signer    = "./services/record-signer/sign"
	metrics   = "./services/aggregator/aggregate"
	heard     = "./services/intake/signals"
)

// hundreds of seeds are enough to meet what these take out.
var hundreds = []string{"-seeds", "400"}

// few are as many random worlds as it takes.
var few = []string{"-rapid.checks", "20", "-rapid.shrinktime", "1s", "-rapid.nofailfile"}

var mutants = []mutant{
	{"position-filter-off", "a stage drops the outputs that an earlier run has written", adapter, "TestRecoveryAfterACrashAtEachWrite", nil},
	{"group-offset", "a stage goes on from where its outputs show it to be", adapter, "TestRecoveryAfterACrashAtEachWrite", nil},
	{"state-first", "the changelog is written when the outputs that it speaks of are durable", adapter, "TestRecoveryAfterACrashAtEachWrite", nil},
	{"state-in-pieces", "the changelog of a step is written whole or not at all", adapter, "TestTheChangelogIsWholeAfterACrash", nil},
	{"tail-not-looked-for", "nothing is written behind the hole of a lost tail", adapter, "TestNothingIsWrittenAfterALostTail", nil},
	{"tick-behind", "no tick is written below what its stage has written", simulator, "TestSeeds", hundreds},
	{"replica-clock", "whether an event is taken follows from the log, and from no replica's clock", simulator, "TestSeeds", hundreds},
	{"idempotence-off", "a write that is tried again keeps its sequence numbers", whole, "TestLostAcknowledgements/kfake", nil},
	{"fence-off", "a claim puts its epoch into every output", whole, "TestLateWriteBeforeTheNewOwnersFirst/kafka", nil},
	{"claim-not-awaited", "a new owner recovers when its claim is in every output", whole, "TestLateWriteDuringTheClaim", nil},
	{"certainty-not-asked", "the AI gets a case only if the classifier is as certain as the policy asks", router, "TestACaseWaitsForContentAndIsTypedOnce", nil},
	{"waits-for-ever", "a customer who says nothing of the matter gets a human in the end", router, "TestACaseWaitsForContentAndIsTypedOnce", nil},
	{"greeting-counts", "what a bot writes before content is no work on a human's case", router, "TestACaseWaitsForContentAndIsTypedOnce", nil},
	{"correction-not-heard", "a human's word takes from the AI what it may not have", router, "TestAHumansCorrectionTakesFromTheAIWhatItMayNotHave", nil},
	{"fails-open", "an external classifier's broken answer is none", "./services/intake/remote", "TestItFailsClosed", nil},
	{"nothing-taken-back", "what a message takes back is not said", heard, "TestRequestForAHuman", nil},
	{"clause-crossed", "a clause takes back nothing of another", heard, "TestAClauseTakesBackNothingOfAnother", nil},
	{"aim-off", "anger at the thief or the weather is none at the service", heard, "TestAim", nil},
	{"quotes-count", "what is quoted of the bot are not the customer's words", heard, "TestQuotations", nil},
	{"capitals-not-read", "capitals hide nothing", heard, "TestDecorationSilencesNoRequest", few},
	{"end-unheard", "a message's end is heard, whatever stands before it", heard, "TestAttacksSilenceNoRequest", nil},
	{"clause-veto-off", "a clause that is a human's takes the message to the human", "./services/intake/classify", "TestWhatStandsAroundAHumansClauseHidesNothing", nil},
	{"costs-off", "a human's case taken for an AI's costs more than the reverse", "./services/intake/classify", "TestAnErrorTowardsTheAICostsMore", nil},
	{"learnt-rows-taken", "no threshold is reckoned on rows that the classifier has learnt", "./cli", "TestTrainCalibrateEval", nil},
	{"publisher-unbounded", "a publisher holds a bounded number of bytes that are not durable", adapter, "TestPublisherHoldsOnlySoMuch", nil},
	{"ack-before-durable", "what is confirmed is durable", adapter, "TestPublisherHoldsOnlySoMuch", nil},
	{"refused-but-taken", "of a request that got 429 nothing was taken", "./services/intake/http", "TestRefusedIsNotTaken", nil},
	{"sink-reads-on", "the sink reads no further while ClickHouse is away", "./services/clickhouse-sink/service", "TestInsertsUntilClickHouseAnswers", nil},
	{"step-unbounded", "a step ends when it has much to write", router, "TestManyCasesEndAtOnce", nil},
	{"pause-off", "an input that a handler can do without is not read ahead", adapter, "TestPausedInputIsNotReadAhead", nil},
	{"learn-off", "a stage reads what other releases have written", "./e2e/upgrade", "TestUpgradeChangesNothing", nil},
	{"reader-filter-off", "a reader drops what is not above the position that it has come to", again, "TestTwice", nil},
	{"map-order", "segments are listed in one order", again, "TestTwice", nil},
	{"clock-read", "the router takes its time from the log", again, "TestTwice", nil},
	{"random-signed", "a record says what the router said, and nothing of when it was signed", again, "TestTwice", nil},
	{"timer-lost", "timers come back when the router recovers", again, "TestTwice", nil},
	{"guard-bypassed", "the policy decides what the AI may have", again, "TestTwice", nil},
	{"tripwire-twice", "a tripwire escalates once", again, "TestTwice", nil},
	{"amendment-dropped", "a late rating or complaint amends its case", again, "TestTwice", nil},
	{"window-early", "a window is published when every ledger has passed its end", again, "TestTwice", nil},
	{"retriable-is-final", "an error of the broker that passes is tried again", whole, "TestProtocolErrors", []string{"-protocol", "40"}},
	{"final-is-retried", "what only an operator can mend ends a stage", whole, "TestProtocolErrors", []string{"-protocol", "40"}},
	{"tempering-off", "evidence is tempered by how much days differ", "./services/aggregator/drift", "TestFalseAlarms", nil},
	{"masked-rule-off", "a drift that the aggregate hides is named so", "./services/aggregator/watch", "TestMaskedDrift", nil},
	{"seasons-off", "what is usual at an hour and on a weekday is no drift", "./services/aggregator/watch", "TestSeasons", nil},
	{"budget-not-shared", "the false alarms that are allowed are shared among all tests", "./services/aggregator/watch", "TestTheBudgetIsShared", nil},
	{"pane-twice", "an hour counts once, however often it is given", "./services/aggregator/watch", "TestAnHourCountsOnce", nil},
	{"deduplication-off", "a block that is sent again counts once in ClickHouse", whole, "TestSinkTrials", []string{"-engine", "12"}},
	{"spent-tokens", "what a killed ClickHouse takes for inserted and has not is put back", whole, "TestSinkSpentTokens", nil},
	{"blocks-by-time", "a block is what lies between two checkpoints", whole, "TestSinkManyAtOnce", nil},
	{"policy-not-read", "ClickHouse's windows are measured by the policy in the ledger", whole, "TestSinkWindowsFollowThePolicy", nil},
	{"time-not-binned", "ClickHouse's percentiles are the MetricRecords' to the last digit", whole, "TestSinkWindowsFollowThePolicy", nil},
	{"head-first", "a checkpoint is in ClickHouse when its records are", whole, "TestSinkTrials", []string{"-engine", "12"}},
	{"commit-first", "an alert's offset is committed when the receiver has the alert", "./cli/deliver", "TestNothingIsLostWithTheProcess", nil},
	{"checkpoint-not-kept", "the record-signer keeps its last checkpoint outside Kafka", signer, "TestKeeps", nil},
	{"seal-forgotten", "a record-signer that starts at a seal begins the next generation", signer, "TestGoesOnWithoutItsInput", nil},
	{"seal-unlinked", "the next generation names the seal", signer, "TestASealBeginsTheNextGeneration", nil},
	{"seal-is-the-end", "the aggregator goes on after a seal", metrics, "TestSealsChangeNothing", nil},
	{"oldest-kept", "what was published of the newest ledger counts", signer, "TestALostGeneration", nil},
	{"signs-on-with-the-old-key", "the record-signer signs with the key that a rotation names", signer, "TestSignsOnWithTheKeyThatTheRotationNames", nil},
	{"shorter-ledger", "the record-signer refuses a ledger shorter than what it published", signer, "TestRefusesToFork", nil},
	{"repeats-forgotten", "a customer's next case of the same type is a repeat", metrics, "TestMetricsRecompute", few},
	{"policy-early", "a policy measures when every ledger has it", metrics, "TestMetricsRecompute", few},
	{"bins-kept", "percentiles are of what is in the window", "./services/aggregator/window", "TestWindowsAreTheirFacts", few},
	{"generation-unlinked", "a generation that does not go on after the seal before it is noticed", "./cli/verify", "TestTamperedGenerations", nil},
	{"metric-unchecked", "a metric record that somebody else signed is noticed", "./cli/verify", "TestTampering/a_window_(that_somebody|whose_signature)", nil},
	{"reject-lost", "a dead letter is durable before what is signed after it", signer, "TestDiesWithOneTopicBehind", nil},
	{"conduct-believed", "a signer who keeps breaches and requests for a human quiet is found out", "./cli/verify", "TestFalseLedgers/(an_AI's_turn|a_request_that_nobody|a_human_who)", nil},
	{"manifest-partial", "a leaf of the manifest has every partition", simulator, "TestSeeds", []string{"-seeds", "20"}},
	{"manifest-early", "a leaf of the manifest is made when every ledger has passed its end", signer, "TestManifestFollows", few},
	{"key-not-erased", "the customer key that is left does not know who was erased", "./services/intake/customers", "TestErasedCustomersSaltsAreGoneAndOthersStay", few},
	{"erasure-played-again", "an order to erase that is played again does nothing", signer, "TestAnErasureThatIsPlayedAgainIsRefused", nil},
	{"rejects-kept", "what chat.rejects has of an erased customer is deleted", whole, "TestErasure/embedded", []string{"-erasures", "1"}},
	{"torn-is-none", "the record-signer refuses a kept checkpoint that is torn", signer, "TestTornCheckpoint", nil},
}
