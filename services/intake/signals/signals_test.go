package signals

import "testing"

func load(t testing.TB) *Detector {
	t.Helper()
	d, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRequestForAHuman(t *testing.T) {
	d := load(t)
	for want, texts := range map[bool][]string{
		true: {
			"I want to talk to a human", "agent please", "let me speak to a real person", "HUMAN", "repersentative plz",
			"My order is late. Can I talk to someone?", "speaktoahuman", "i dont want to talk to a bot",
		},
		false: {
			"are you a robot?", "don't transfer me", "where is my order", "hello", "", "am I talking to a real person?",
			"I don't need an agent, just my balance",
		},
	} {
		for _, text := range texts {
			if got := d.Detect(text); got.HumanRequest != want {
				t.Errorf("%q: human request %v, want %v", text, got.HumanRequest, want)
			}
		}
	}
}
