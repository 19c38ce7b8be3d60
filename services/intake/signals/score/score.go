// Package score judges the detector of package signals against labelled rows: what the command eval --signals prints.
package score

import (
	"maps"
	"slices"
	"time"

	"github.com/casetrail/casetrail/services/intake/signals"
	"github.com/casetrail/casetrail/services/router/tripwire"
)

// Names are the signals of a message that can be judged, and Conversation those of a whole conversation.
var (
	Names        = []string{"human_request", "supervisor_request", "threat_to_leave", "threat_to_complain", "negative"}
	Conversation = []string{"repeated_negative", "repeated_question"}
)

// Counts compares what was found with the labels: of messages, or of conversations.
type Counts struct {
	Precision float64 `json:"precision"` // 0 where nothing was found
	Recall    float64 `json:"recall"`    // 0 where nothing is labelled
	Hit       int     `json:"hit"`       // labelled and found
	Miss      int     `json:"miss"`      // labelled, not found
	Alarm     int     `json:"alarm"`     // found, not labelled
	Quiet     int     `json:"quiet"`     // neither
}

func (c *Counts) add(found, labelled bool) {
	switch {
	case found && labelled:
		c.Hit++
	case labelled:
		c.Miss++
	case found:
		c.Alarm++
	default:
		c.Quiet++
	}
	c.Precision = float64(c.Hit) / float64(max(c.Hit+c.Alarm, 1))
	c.Recall = float64(c.Hit) / float64(max(c.Hit+c.Miss, 1))
}

// Result is the judgement of a file.
type Result struct {
	Version       string             `json:"version"`
	Messages      int                `json:"messages"`
	Conversations int                `json:"conversations,omitempty"`
	Signals       map[string]*Counts `json:"signals"` // of the signals that the file has labels for
	Micros        float64            `json:"us_per_message"`
}

// Limits are how many negative messages, and how many messages with one question, make a conversation's signal.
type Limits struct{ Negatives, Questions int }

// Rows judges rows as Read gives them. A label that a row leaves open is not judged.
func Rows(rows []Row, d *signals.Detector, limits Limits) *Result {
	r := &Result{Version: d.Version(), Messages: len(rows), Signals: map[string]*Counts{}}
	count := func(name string) *Counts {
		if r.Signals[name] == nil {
			r.Signals[name] = &Counts{}
		}
		return r.Signals[name]
	}
	found := make([]signals.Found, len(rows))
	start := time.Now()
	for i := range rows {
		found[i] = d.Detect(rows[i].Text)
	}
	r.Micros = float64(time.Since(start).Nanoseconds()) / 1000 / float64(max(len(rows), 1))

	conversations := map[string][]int{}
	for i := range rows {
		said := map[string]bool{"human_request": found[i].HumanRequest, "supervisor_request": found[i].SupervisorRequest,
			"threat_to_leave": found[i].ThreatToLeave, "threat_to_complain": found[i].ThreatToComplain, "negative": negative(found[i])}
		for _, name := range Names {
			if label, ok := rows[i].Labels[name]; ok {
				count(name).add(said[name], label)
			}
		}
		if id := rows[i].Conversation; id != "" {
			conversations[id] = append(conversations[id], i)
		}
	}
	r.Conversations = len(conversations)
	for _, id := range slices.Sorted(maps.Keys(conversations)) {
		r.conversation(conversations[id], rows, found, limits, count)
	}
	return r
}

func negative(f signals.Found) bool { return f.Sentiment <= signals.NegativeSentiment }

// conversation judges one conversation by its customer's messages, in their order.
func (r *Result) conversation(at []int, rows []Row, found []signals.Found, limits Limits, count func(string) *Counts) {
	slices.SortStableFunc(at, func(a, b int) int { return rows[a].Seq - rows[b].Seq })
	negatives, questions := 0, 0
	var sketches [][]uint32
	for _, i := range at {
		if !rows[i].Customer {
			continue
		}
		if negative(found[i]) {
			negatives++
		}
		same := 1
		for _, s := range sketches {
			if tripwire.SameQuestion(s, found[i].Sketch) {
				same++
			}
		}
		if len(found[i].Sketch) > 0 {
			questions = max(questions, same)
			sketches = append(sketches, found[i].Sketch)
		}
	}
	for name, said := range map[string]bool{"repeated_negative": negatives >= limits.Negatives, "repeated_question": questions >= limits.Questions} {
		labelled, judged := false, false
		for _, i := range at {
			label, ok := rows[i].Labels[name]
			labelled, judged = labelled || label, judged || ok
		}
		if judged {
			count(name).add(said, labelled)
		}
	}
}
