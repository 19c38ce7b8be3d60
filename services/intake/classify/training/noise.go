package training

import (
	"math/rand/v2"
	"strings"
)

var (
	greetings = []string{"hi", "hello", "hey", "hi there", "hello there", "good morning", "good afternoon", "hey team",
		"hi, hope you are well.", "hello,", "hi!", "hey!", "dear support,", "hi my name is anna.", "hello, i am john smith.",
		"excuse me", "sorry to bother you,", "ok so", "um", "yes,", "hi quick question:", "i have a question.", "i need help,",
		"can you help me?", "please help", "please help me.", "i was wondering,", "just wanted to ask,"}
	endings = []string{"please", "pls", "thanks", "thank you", "thanks in advance", "asap", "?", "??", "!", ".", "please help",
		"can you help?", "can you check?", "kindly advise", "thx", "let me know", "it's urgent", "many thanks, Maria"}
)

// noisy gives a text the way someone else may have typed it: with a greeting or an ending, with slips, in another case.
func noisy(text string, random *rand.Rand) string {
	if random.IntN(3) == 0 {
		text = strings.ToLower(text)
	}
	if random.IntN(3) == 0 {
		text = slip(text, random)
	}
	if random.IntN(2) == 0 {
		text = greetings[random.IntN(len(greetings))] + " " + text
	}
	if random.IntN(3) == 0 {
		text = strings.TrimRight(text, ".?! ") + " " + endings[random.IntN(len(endings))]
	}
	return text
}

// slip swaps, drops or doubles one letter or two.
func slip(text string, random *rand.Rand) string {
	b := []byte(text)
	for range 1 + len(b)/60 {
		if len(b) < 8 {
			return text
		}
		i := 1 + random.IntN(len(b)-3)
		if !letter(b[i]) || !letter(b[i+1]) {
			continue
		}
		switch random.IntN(3) {
		case 0:
			b[i], b[i+1] = b[i+1], b[i]
		case 1:
			b = append(b[:i], b[i+1:]...)
		default:
			b = append(b[:i+1], b[i:]...)
		}
	}
	return string(b)
}

func letter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
