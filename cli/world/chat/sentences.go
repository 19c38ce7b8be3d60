package chat

import "github.com/casetrail/casetrail/schemas"

// openings are what customers open a case with, by its type. Those of the AI's types are plain, and then vague: so that the
// classifier is not certain enough for an AI. Those of the human's types are plain, and then such that it does not rule an
// AI's type out altogether. A test holds that the classifier gives each its type.
var openings = map[string][]string{
	"refund_status": {
		"Where is my refund? It was promised a week ago and I don't see it yet.",
		"Has my refund been processed yet?",
		"When will the refund for my returned shoes arrive in my account?",
		"Can you check the status of my refund please?",
		"hm where's the money from the thing I sent back",
		"hm the thing I sent back, where is the money",
	},
	"shipment_tracking": {
		"Where is my package? The tracking has not moved for three days.",
		"Can you tell me when my order will be delivered?",
		"I would like to track my parcel.",
		"My order has not arrived yet, where is it now?",
		"it should have been here by now",
		"it says on the way but is it",
	},
	"balance_inquiry": {
		"What is the balance of my account?",
		"How much money do I have in my checking account?",
		"Can you tell me my current balance please?",
		"Please show me my account balance",
		"is there anything left on it",
		"is there enough on it for the rent",
	},
	"basic_transaction_query": {
		"Why is my card payment still pending?",
		"My transfer has not gone through yet, is it still pending?",
		"How long does a transfer take to show up?",
		"Can you show me my last transactions?",
		"that thing I bought is still pending I guess",
		"that payment, is it done yet",
	},
	"dispute": {
		"I was charged twice for the same purchase and I want that corrected.",
		"I dispute this charge, the amount is wrong.",
		"The exchange rate on my card payment is wrong, I want the difference back.",
		"There is a fee on my statement that I never agreed to.",
	},
	"fraud_claim": {
		"Somebody has used my card, I did not make these payments.",
		"Somebody stole my card and is paying with it, this is fraud.",
		"There is a payment on my card that I don't recognise, I think my card was stolen.",
		"Someone withdrew cash from my account and it was not me.",
		"My account was hacked and money was taken.",
	},
	"hardship_request": {
		"I lost my job and can't pay my instalments any more, is there any help?",
		"I am in financial hardship and need to lower my monthly payments.",
		"Because of my illness I can't make my payment this month, can we agree on a payment plan?",
		"I can't afford my payments, please help me",
	},
	"complex_multi_product": {
		"I was charged twice and also somebody has used my card, and my transfer is still pending.",
		"What is my balance, and also I need to dispute a charge and my new card has not arrived.",
		"My card was charged twice, and besides I want to know where my refund is and why my transfer failed.",
		"My refund is missing, and also the exchange rate of my last payment is wrong.",
		"I want to know where my card is, and then there is a payment that I did not make.",
	},
}

// calls are what customers say for a human to be pulled in.
var calls = map[schemas.Signal][]string{
	schemas.SignalHumanRequest:      {"Let me talk to a human, please.", "I want to speak to a real person."},
	schemas.SignalSupervisorRequest: {"I want to speak to your supervisor."},
	schemas.SignalThreatToLeave:     {"I am going to close my account and leave.", "I will take my business elsewhere."},
	schemas.SignalThreatToComplain:  {"I will complain to the ombudsman about this.", "I am going to report you to the regulator."},
}

const (
	deskAsks = "Are you still there?"
	botSays  = "Thanks, let me look that up for you."
	deskSays = "Hello, I have read what you wrote and I am looking into it now."
)
