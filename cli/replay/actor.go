package replay

import (
	"fmt"
	"math/rand/v2"

	"github.com/casetrail/casetrail/cli/corpus"
	"github.com/casetrail/casetrail/schemas"
)

// actor plays one conversation: the customer by the file, and the bot or the desk, whichever the router chose, by the
// file's agent turns or by stock ones. It is a state machine over simulated time; it does no I/O.
type actor struct {
	conv     corpus.Conversation
	start    int64 // simulated time of the first message, ms
	progress float64
	rand     *rand.Rand
	opt      *Options

	opened  int64 // time of the first event
	line    int   // the next line of the conversation
	delay   int64 // what waiting for humans has added to the file's times
	last    int64 // time of the last event
	awaits  string
	handler schemas.Handler
	hadAI   bool // the router has given the case to the AI, for more than a greeting
	human   bool // a human has joined
	rogue   bool // the bot will write on this case though a human has it
	serial  int
	queue   []planned // what happens next without anyone's answer, in order of time
}

// planned is an event of the case at its time.
type planned struct {
	at    int64
	event schemas.ChatEvent
	// asks says that the router answers it with a work item.
	asks bool
	// bot says that it is the bot's, and only if the case is still the AI's by then.
	bot bool
}

func newActor(c corpus.Conversation, start int64, progress float64, seed uint64, opt *Options) *actor {
	a := &actor{conv: c, start: start, progress: progress, opt: opt, last: start, rand: rand.New(rand.NewPCG(opt.Seed, seed))}
	a.rogue = a.rand.Float64() < opt.Misbehaves
	for a.line < len(c.Messages) && c.Messages[a.line].Sender != customer {
		a.line++ // a case begins with the customer
	}
	a.lines()
	return a
}

const customer = corpus.Customer

// next is the time of the actor's next event; while it waits for the router, the time before which none will come.
func (a *actor) next() int64 {
	if a.awaits != "" || len(a.queue) == 0 {
		return a.last
	}
	return a.queue[0].at
}

func (a *actor) waiting() bool { return a.awaits != "" }
func (a *actor) done() bool    { return a.awaits == "" && len(a.queue) == 0 }

// step gives the next event.
func (a *actor) step() schemas.ChatEvent {
	p := a.queue[0]
	a.queue = a.queue[1:]
	if a.last = p.at; a.opened == 0 {
		a.opened = p.at
	}
	if p.asks {
		a.awaits = p.event.EventID
	} else if len(a.queue) == 0 {
		a.lines()
	}
	return p.event
}

// work takes the router's answer to the customer's message: who has the case, and so who answers.
func (a *actor) work(w *schemas.WorkItem, clock int64) {
	if w.EventID == "" {
		a.handOver(w, clock)
		return
	}
	if w.EventID != a.awaits {
		return
	}
	a.awaits, a.handler = "", w.Handler
	a.hadAI = a.hadAI || w.Handler == schemas.HandlerAI && w.Work != schemas.WorkKindGreeting
	if a.handler == schemas.HandlerHuman {
		a.misbehave()
		a.join()
	}
	a.lines()
}

// join lets a human agent take the case up, after a wait.
func (a *actor) join() {
	if a.human {
		return
	}
	wait := int64(5_000 + a.rand.ExpFloat64()*90_000)
	a.human = true
	a.delay += wait
	a.plan(planned{at: a.last + wait, event: a.event(schemas.EventKindAgentJoined, schemas.SenderHuman)})
}

// handOver gives the case to a human because a timer says so: what the bot was about to do, the desk does.
func (a *actor) handOver(w *schemas.WorkItem, clock int64) {
	a.handler = w.Handler
	rest := a.queue
	a.queue = nil
	delay := a.delay
	a.last = max(a.last, w.AssignedAt, clock)
	a.join()
	for _, p := range rest {
		p.at += a.delay - delay
		if p.bot {
			p.bot, p.event.Sender, p.event.AIModelVersion = false, schemas.SenderHuman, schemas.Optional[string]{}
		}
		a.plan(p)
	}
}

// late tells whether the next event is the bot's but comes after the case's time with the AI is up: the router will hand
// the case over first.
func (a *actor) late() bool {
	return len(a.queue) > 0 && a.queue[0].bot && a.opt.Duration > 0 && a.queue[0].at >= a.opened+a.opt.Duration.Milliseconds()
}

// misbehave lets the bot write on a case that is a human's: what the guard must catch.
func (a *actor) misbehave() {
	if !a.rogue {
		return
	}
	a.rogue = false
	e := a.event(schemas.EventKindMessage, schemas.SenderAI)
	e.Text = schemas.Some("I can take care of that for you right away, no need to wait for an agent.")
	a.plan(planned{at: a.last + 1_000, event: e})
}

func (a *actor) plan(p planned) {
	if n := len(a.queue); n > 0 {
		p.at = max(p.at, a.queue[n-1].at)
	}
	p.at = max(p.at, a.last)
	a.queue = append(a.queue, p)
}

// at is the time of a line by the file, with the delays that have come on top.
func (a *actor) at(line int) int64 {
	return a.start + a.conv.Messages[line].Offset.Milliseconds() + a.delay
}

// lines plans the lines up to and with the customer's next one; after the last line, the end of the case.
func (a *actor) lines() {
	if a.line > len(a.conv.Messages) {
		return
	}
	for ; a.line < len(a.conv.Messages); a.line++ {
		m := a.conv.Messages[a.line]
		if m.Sender == customer {
			if a.opt.Stock && a.line > 0 {
				a.reply(stock(a.rand, a.handler), (a.last+a.at(a.line))/2)
			}
			e := a.event(schemas.EventKindMessage, schemas.SenderCustomer)
			e.Text, e.Synthetic = schemas.Some(m.Text), false
			e.CustomerID = schemas.Some("customer-" + a.conv.ID)
			a.plan(planned{at: a.at(a.line), event: e, asks: true})
			a.line++
			return
		}
		a.reply(m.Text, a.at(a.line))
	}
	a.line++
	a.end()
}

// reply plans an answer by whoever has the case.
func (a *actor) reply(text string, at int64) {
	sender := schemas.SenderHuman
	if a.handler == schemas.HandlerAI {
		sender = schemas.SenderAI
	}
	e := a.event(schemas.EventKindMessage, sender)
	e.Text = schemas.Some(text)
	a.plan(planned{at: at, event: e, bot: sender == schemas.SenderAI})
}

// event makes an event of the case; it is synthetic until it is shown to be the file's.
func (a *actor) event(kind schemas.EventKind, sender schemas.Sender) schemas.ChatEvent {
	a.serial++
	e := schemas.ChatEvent{EventID: fmt.Sprintf("%s-%d", a.conv.ID, a.serial), CaseID: a.conv.ID, Kind: kind, Sender: sender, Synthetic: true}
	if sender == schemas.SenderAI {
		e.AIModelVersion = schemas.Some(a.opt.BotVersion)
	}
	return e
}
