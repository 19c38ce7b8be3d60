package corpus

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestShipped(t *testing.T) {
	cs, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	checkSound(t, cs) // unique IDs and offsets that never fall, among others
	if len(cs) < 170 {
		t.Errorf("%d conversations", len(cs))
	}

	types, tags, said := map[string]int{}, map[string]int{}, map[string]string{}
	cardNumber := regexp.MustCompile(`(\d[ -]?){13,}`)
	usual := 0
	for _, c := range cs {
		types[c.CaseType]++
		for _, tag := range c.Tags {
			tags[tag]++
		}
		n := len(c.Messages)
		if n < 3 || n > 24 {
			t.Errorf("%s has %d messages", c.ID, n)
		}
		if n >= 5 && n <= 12 {
			usual++
		}
		if c.Messages[0].Sender != Customer || c.Messages[0].Offset != 0 {
			t.Errorf("%s does not open with a customer at 0", c.ID)
		}
		for i, m := range c.Messages {
			if strings.TrimSpace(m.Text) != m.Text || m.Text == "" {
				t.Errorf("%s, message %d: %q", c.ID, i, m.Text)
			}
			if cardNumber.MatchString(m.Text) {
				t.Errorf("%s, message %d, looks as if it holds a card number: %q", c.ID, i, m.Text)
			}
			// What is more than a phrase is said in one conversation only: none is another's copy.
			if other, ok := said[m.Text]; ok && other != c.ID && len(m.Text) > 40 {
				t.Errorf("%s and %s both have %q", other, c.ID, m.Text)
			}
			said[m.Text] = c.ID
		}
	}
	if usual < len(cs)*3/4 {
		t.Errorf("only %d of %d have 5 to 12 messages", usual, len(cs))
	}
	for typ, least := range map[string]int{
		"refund_status": 30, "shipment_tracking": 25, "balance_inquiry": 22, "basic_transaction_query": 22, "dispute": 26,
		"fraud_claim": 18, "hardship_request": 12, "complex_multi_product": 12, "unknown": 10,
	} {
		if types[typ] < least {
			t.Errorf("%s: %d, want at least %d", typ, types[typ], least)
		}
		delete(types, typ)
	}
	if len(types) > 0 {
		t.Errorf("other types: %v", types)
	}
	for tag, least := range map[string]int{
		"greeting_first": 36, "typos": 20, "anger": 20, "asks_human": 22, "subject_change": 14, "long": 10, "multilingual": 8,
		"emoji": 12, "rtl": 2, "caps": 4, "repeats": 5, "supervisor": 6, "thanks": 8, "hard_negative": 5, "abandoned": 6, "long_wait": 20,
	} {
		if tags[tag] < least {
			t.Errorf("%s: %d, want at least %d", tag, tags[tag], least)
		}
		delete(tags, tag)
	}
	if len(tags) > 0 {
		t.Errorf("other tags: %v", tags)
	}
}

// Where a conversation changes its subject, "subject" stands on the customer's line that brings one up. Read has no use for
// it, but whoever edits the file has.
func TestShippedSubjects(t *testing.T) {
	type row struct {
		ConversationID string `json:"conversation_id"`
		Seq            int
		Sender         string
		CaseType       string `json:"case_type"`
		Subject        string
		Tags           []string
	}
	subjects, changes, next := map[string][]string{}, map[string]bool{}, map[string]int{}
	types := map[string]string{}
	for l := range strings.Lines(shipped) {
		var r row
		if err := json.Unmarshal([]byte(l), &r); err != nil {
			t.Fatal(err)
		}
		if r.Seq != next[r.ConversationID] {
			t.Errorf("%s: seq %d, want %d", r.ConversationID, r.Seq, next[r.ConversationID])
		}
		next[r.ConversationID]++
		types[r.ConversationID] = r.CaseType
		if slices.Contains(r.Tags, "subject_change") {
			changes[r.ConversationID] = true
		}
		if r.Subject != "" {
			if r.Sender != Customer || !slices.Contains(caseTypes, r.Subject) {
				t.Errorf("%s, seq %d: subject %q from the %s", r.ConversationID, r.Seq, r.Subject, r.Sender)
			}
			subjects[r.ConversationID] = append(subjects[r.ConversationID], r.Subject)
		}
	}
	hard := 0
	for id := range changes {
		s := subjects[id]
		if len(s) < 2 || s[len(s)-1] != types[id] {
			t.Errorf("%s is a %s that changes its subject: %v", id, types[id], s)
			continue
		}
		if slices.Index(caseTypes, s[0]) < 4 && slices.Index(caseTypes, s[len(s)-1]) >= 4 {
			hard++
		}
	}
	if hard < 14 {
		t.Errorf("%d begin as an easy type and become a hard one", hard)
	}
}
