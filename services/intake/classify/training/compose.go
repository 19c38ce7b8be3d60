package training

import (
	"math/rand/v2"
	"strings"
)

// links join two wishes in one message; leads announce that there are several.
var (
	links = []string{" and also ", ". Also, ", ", plus ", " plus ", ". Another thing: ", ". And also ", "; additionally ",
		", and another question: ", ". On top of that ", ", and ", " and then ", ". Second, ", ". Oh and ", ". Besides that, ",
		". I also have a second question: ", ", also ", ". By the way ", " & ", " as well as ", ". One more thing, ",
		". And for my other account, ", ". Can you also help with this: ", ", and while we are at it, "}
	heldLinks = []string{". While I have you, ", " and ", ". And on my other account, ", ". Also can you help with this: ",
		", and I also have another thing: ", "; in addition, ", ". Something else: "}
	leads = []string{"", "", "", "", "I have two things. ", "A couple of things. ", "I need help with a few things: ",
		"two questions: ", "hi, "}
)

// composed is how many messages with two wishes are made of the examples, and joinedText how long each may be.
const (
	composed   = 1500
	joinedText = 120
)

// Composed gives n messages joined from two of the examples, in words that training does not use for it, to measure by.
func Composed(examples []*Example, n int) []*Example {
	return join(examples, n, heldLinks, rand.New(rand.NewPCG(1, 2)))
}

func compose(examples []*Example, random *rand.Rand) []*Example {
	return join(examples, composed, links, random)
}

// join joins texts of different types: what nobody wrote down, but customers do say, is two wishes in one message.
func join(examples []*Example, n int, links []string, random *rand.Rand) []*Example {
	var of [heads][]*Example
	for _, e := range examples {
		if e.Type != Several && e.Type != complex && len(e.Text) < joinedText {
			of[e.Type] = append(of[e.Type], e)
		}
	}
	var all []*Example
	for range 20 * n {
		if len(all) == n {
			break
		}
		a, b := random.IntN(heads), random.IntN(heads)
		if random.IntN(3) == 0 {
			a = random.IntN(4)
		}
		if a == b && a != heads-1 || len(of[a]) == 0 || len(of[b]) == 0 {
			continue
		}
		if a == heads-1 && b == heads-1 && random.IntN(3) != 0 {
			continue
		}
		x, y := of[a][random.IntN(len(of[a]))], of[b][random.IntN(len(of[b]))]
		if x.Label == y.Label {
			continue
		}
		text := leads[random.IntN(len(leads))] + strings.TrimRight(x.Text, ".?! ") + links[random.IntN(len(links))] + y.Text
		all = append(all, New(text, joined, "", complex, 0))
	}
	return all
}
