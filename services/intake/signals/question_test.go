package signals

import (
	"testing"

	"github.com/casetrail/casetrail/services/router/tripwire"
)

// The questions of one group are one, however they are put; those of two groups are not.
var questions = [][]string{
	{"where is my refund", "I asked where my refund is", "refund status??", "WHERE IS MY REFUND!!!", "what's the status of my refund?", "so where's the refund?", "any update on my refund?", "when will my refund arrive?"},
	{"how do I return the jacket?", "I want to know how to return the jacket", "how can i return this jacket"},
	{"what is my account balance", "balance of my account please?", "can you tell me my account balance", "I need to know my account balance"},
	{"has my parcel been shipped?", "did you ship my package", "I asked if my package was shipped", "is my order shipped yet??"},
	{"why was my card declined", "I want to know why my card was declined!", "card declined, why?"},
	{"can I cancel my order?", "how do I cancel my order", "i want to cancel the order", "please cancel my order??"},
	{"how do I change my address?", "i need to change my address", "where can I change my address"},
	{"why was I charged a fee", "why is there a fee charged on my account", "what's this fee I was charged?"},
	{"how do I get a refund for the shoes?", "can i get a refund for these shoes"},
	{"when does the branch in Leeds open", "what time does the Leeds branch open?"},
	{"can you increase my card limit", "I'd like to increase my card limit", "increase card limit possible?"},
}

func TestSameQuestion(t *testing.T) {
	d := load(t)
	sketch := func(text string) []uint32 { return d.Detect(text).Sketch }
	missed, pairs, mixed, others := 0, 0, 0, 0
	for i, group := range questions {
		for n, a := range group {
			for _, b := range group[n+1:] {
				if pairs++; !tripwire.SameQuestion(sketch(a), sketch(b)) {
					missed++
					t.Logf("not the same: %q, %q", a, b)
				}
			}
			for _, other := range questions[i+1:] {
				for _, b := range other {
					if others++; tripwire.SameQuestion(sketch(a), sketch(b)) {
						mixed++
						t.Logf("the same: %q, %q", a, b)
					}
				}
			}
		}
	}
	t.Logf("%d of %d pairs of one question missed, %d of %d pairs of two taken for one", missed, pairs, mixed, others)
	if missed*4 > pairs || mixed*100 > others {
		t.Error("questions are not told apart")
	}
}

func TestBareMessagesAskNothing(t *testing.T) {
	d := load(t)
	for _, text := range []string{"", "hello", "hi there", "ok thanks", "yes please", "are you there?", "no", "12345", "can you help me?", "I need help", "?????", "thank you so much"} {
		if s := d.Detect(text).Sketch; len(s) > 0 {
			t.Errorf("%q asks %d words", text, len(s))
		}
		if tripwire.SameQuestion(d.Detect(text).Sketch, d.Detect(text).Sketch) {
			t.Errorf("%q is a question", text)
		}
	}
}
