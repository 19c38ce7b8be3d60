package signals

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
)

var loaded = sync.OnceValues(Load)

func load(t testing.TB) *Detector {
	t.Helper()
	d, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRequestForAHuman(t *testing.T) {
	d := load(t)
	for want, texts := range map[bool][]string{
		true: {
			"I want to talk to a human", "agent please", "let me speak to a real person", "HUMAN", "AGENT", "SPEAK TO A HUMAN NOW",
			"My order is late. Can I talk to someone?", "i dont want to talk to a bot", "real person!!!!", "live chat pls",
			"can someone call me", "i want 2 talk 2 some1", "give me a human", "operator", "get me your manager", "repersentative plz",
			"agnet", "speaktoahuman", "s p e a k to a h u m a n", "connect me with a representative", "no robots please",
			"quiero hablar con una persona", "quiero hablar con un asesor ya", "llámenme por favor", "no quiero hablar con un robot",
			"Ich möchte mit einem Menschen sprechen", "ich moechte mit einem menschen sprechen", "kann mich jemand anrufen?",
			"gib mir einen echten Mitarbeiter", "je veux parler à un conseiller", "passez-moi quelqu'un svp", "un humain svp",
			"jag vill prata med en människa", "koppla mig till kundtjänst", "kan någon ringa mig?",
			"don't give me a bot, give me a person", "are you a robot? I want a human", "You are not a person. Get me one: an agent.",
		},
		false: {
			"", "   ", "hello", "are you a robot?", "am I talking to a person?", "am I talking to a real person?", "don't transfer me",
			"no need for an agent", "your agent was great", "customer service was great", "agent of the estate", "speak to my husband",
			"representative of the people", "human error", "where is my order", "I don't need an agent, just my balance",
			"someone stole my card", "can someone tell me my balance?", "what hours is customer service open", "you can call me Anna",
			"I already spoke to an agent yesterday and she said it was fixed", "transfer 50 to a person", "arent you open",
			"¿eres un robot?", "¿es usted una persona?", "alguien usó mi tarjeta", "bist du ein Mensch?", "jemand hat meine Karte benutzt",
			"êtes-vous un robot ?", "quelqu'un a utilisé ma carte", "är du en människa?", "någon har använt mitt kort", "where is my mango",
		},
	} {
		for _, text := range texts {
			if got := d.Detect(text); got.HumanRequest != want {
				t.Errorf("%q: human request %v, want %v", text, got.HumanRequest, want)
			}
		}
	}
}

func TestSupervisor(t *testing.T) {
	d := load(t)
	for want, texts := range map[bool][]string{
		true:  {"let me speak to your manager", "I want a supervisor", "MANAGER!", "escalate this please", "ich will ihren vorgesetzten sprechen"},
		false: {"my manager asked for a receipt", "I'm a store manager", "password manager", "the issue was already escalated", "I want a human"},
	} {
		for _, text := range texts {
			if got := d.Detect(text); got.SupervisorRequest != want || want && !got.HumanRequest {
				t.Errorf("%q: %+v, want %v", text, got, want)
			}
		}
	}
}

func TestThreats(t *testing.T) {
	d := load(t)
	type want struct{ leave, complain bool }
	for want, texts := range map[want][]string{
		{true, false}: {"I'll close my account", "I'm switching to another bank", "cancel everything", "you just lost a customer",
			"fix this or I'm leaving your bank", "I will take my business elsewhere"},
		{false, true}: {"I will report you to the ombudsman", "you'll hear from my lawyer", "I'm going to write a bad review",
			"I'll do a chargeback if you don't answer", "I'll post this on social media", "see you in court"},
		{}: {"please cancel my subscription", "how do I close my account?", "I want to close my account", "I want to file a complaint about a shop",
			"my lawyer asked for a statement", "can I dispute a charge?", "I'm switching to a new phone", "I saw it on Facebook", "I'm leaving on Friday",
			"I paid my lawyer", "what happens if I close my account"},
	} {
		for _, text := range texts {
			if got := d.Detect(text); got.ThreatToLeave != want.leave || got.ThreatToComplain != want.complain {
				t.Errorf("%q: leave %v, complain %v", text, got.ThreatToLeave, got.ThreatToComplain)
			}
		}
	}
}

func TestSentiment(t *testing.T) {
	d := load(t)
	for _, text := range []string{
		"this is useless", "THIRD TIME I'M ASKING!!!", "this is the third time I ask", "you people are useless", "still nothing",
		"that didn't help", "ridiculous", "wtf", "Worst service ever 😡", "great, another bot", "thanks for nothing", "not happy with this",
		"you are not helping", "I'm so frustrated with you", "stupid bot", "stop wasting my time", "this is absolutely unacceptable!!",
		"i've told you this three times already", "your agent was rude", "I'll close my account because of this",
	} {
		if got := d.Detect(text); got.Sentiment > NegativeSentiment {
			t.Errorf("%q: %v, should be negative", text, got.Sentiment)
		}
	}
	for _, text := range []string{
		"the thief is awful", "someone stole my card and I'm scared", "I lost my job and can't pay", "where is my order?",
		"WHERE IS MY ORDER", "hello", "no", "i was charged twice", "", "my name is John Smith", "no that's all", "terrible weather today",
		"my stupid mistake", "I'm so stupid, wrong number", "not bad", "the shop was terrible", "my husband is furious with me", "!!!!!", "no!!",
	} {
		if got := d.Detect(text); got.Sentiment <= NegativeSentiment || got.Sentiment > 0.5 {
			t.Errorf("%q: %v, should be neutral", text, got.Sentiment)
		}
	}
	for _, text := range []string{"thank you so much!", "great, thanks for your help", "your customer service is excellent", "that worked, thank you"} {
		if got := d.Detect(text); got.Sentiment < 0.5 {
			t.Errorf("%q: %v, should be positive", text, got.Sentiment)
		}
	}
}

func TestLoudnessSaysNothingByItself(t *testing.T) {
	d := load(t)
	if quiet, loud := d.Detect("this is not working").Sentiment, d.Detect("THIS IS NOT WORKING!!!").Sentiment; loud >= quiet {
		t.Errorf("%v in capitals, %v without", loud, quiet)
	}
	if got := d.Detect("WHAT IS MY BALANCE!!!").Sentiment; got != 0 {
		t.Errorf("%v", got)
	}
}

func TestLongMessages(t *testing.T) {
	d := load(t)
	filler := strings.Repeat("I ordered a blue jacket and it was green. ", 2000)
	for place, text := range map[string]string{
		"at the beginning": "I want to talk to a human. " + filler,
		"at the end":       filler + "I want to talk to a human.",
		"in the middle":    filler[:10_000] + "I want to talk to a human. " + filler[:9_000],
	} {
		if !d.Detect(text).HumanRequest {
			t.Errorf("a request %s of %d characters is not heard", place, len(text))
		}
	}
	if d.Detect(filler).HumanRequest {
		t.Error("the filler asks for a human")
	}
}

func TestRulesAreChecked(t *testing.T) {
	for rules, says := range map[string]string{
		"@a = b\n@a = c":           "there already",
		"human: talk to @nobody":   "no class @nobody",
		"humans: hello":            "no kind \"humans\"",
		"%loud hello":              "no trait",
		"human: (a|b":              "brackets",
		"hello":                    "no rule",
		"human:":                   "matches nothing",
		"human: [a]":               "matches nothing",
		"human: ** ** ** ** ** **": "paths",
	} {
		p := newParser()
		if err := p.parse("x.txt", rules); err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "x.txt:") {
			t.Errorf("%q: %v, want %q", rules, err, says)
		}
	}
}

// sane checks what holds for every finding.
func sane(t interface{ Errorf(string, ...any) }, text string, f Found) {
	if !(math.Abs(f.Sentiment) <= 1) || len(f.Sketch) > SketchSize || !slices.IsSorted(f.Sketch) || f.SupervisorRequest && !f.HumanRequest {
		t.Errorf("%q: %+v", text, f)
	}
}

func TestAClauseTakesBackNothingOfAnother(t *testing.T) {
	d := load(t)
	for _, text := range []string{
		"not you, an actual person", "no thanks, I don't want that, an agent please", "you are a bot, a human please", "I'm a human being, like you, human agent please",
	} {
		if !d.Detect(text).HumanRequest {
			t.Errorf("%q: no request for a human", text)
		}
	}
}

// A feeling counts if the service is to blame, or nobody.
func TestAim(t *testing.T) {
	d := load(t)
	for negative, texts := range map[bool][]string{
		true: {"I'm furious", "I'm furious with you, my account was emptied by a thief", "I am so disappointed", "ich bin stinksauer", "je suis furieux", "jag är besviken", "estoy harto"},
		false: {
			"a thief emptied my account, I'm furious", "someone stole my wallet and I'm really pissed off", "I'm fed up, my landlord wants the rent again",
			"the weather is terrible", "the thief is awful", "I'm so angry with my neighbour", "das Wetter ist furchtbar", "le voleur est nul", "tjuven är en idiot", "el vendedor es horrible",
		},
	} {
		for _, text := range texts {
			if got := d.Detect(text); (got.Sentiment <= NegativeSentiment) != negative {
				t.Errorf("%q: %v", text, got.Sentiment)
			}
		}
	}
}
