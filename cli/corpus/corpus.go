// Package corpus holds customer-service conversations that can be replayed through the pipeline: the ones that ship with
// Casetrail, all written for it, and any that an operator has exported in the same form, one message per line of JSON.
package corpus

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

//go:embed conversations.jsonl
var shipped string

// The senders of a message. A file may call the agent "bot" too; Read turns that into Agent, since it is for the replay to
// say as whom an agent's line is sent.
const (
	Customer = "customer"
	Agent    = "agent"
)

// The bounds of what Read takes.
const (
	MaxLine     = 1 << 20             // bytes in one line, without its end
	MaxText     = 64 << 10            // bytes in one message's text
	MaxID       = 256                 // bytes in a conversation_id
	MaxMessages = 10_000              // messages in one conversation
	MaxOffset   = 30 * 24 * time.Hour // from a conversation's start to its last message
)

var caseTypes = []string{
	"refund_status", "balance_inquiry", "shipment_tracking", "basic_transaction_query",
	"dispute", "fraud_claim", "hardship_request", "complex_multi_product", "unknown",
}

// Message is one line of a conversation. Offset counts from the conversation's start.
type Message struct {
	Sender, Text string
	Offset       time.Duration
}

// Conversation is what one customer and the agents that answered wrote, in order. CaseType is the type the conversation
// turned out to be, which may be a harder one than it opened with; it is empty where the file does not say.
type Conversation struct {
	ID, CaseType string
	Tags         []string
	Messages     []Message
}

// Shipped returns the conversations that come with Casetrail. Each call returns a fresh copy.
func Shipped() ([]Conversation, error) {
	cs, err := Read(strings.NewReader(shipped))
	if err != nil {
		return nil, fmt.Errorf("shipped conversations: %w", err)
	}
	return cs, nil
}

// Read reads conversations, one message per line:
//
//	{"conversation_id":"c001","seq":0,"sender":"customer","text":"...","offset_seconds":0,"case_type":"dispute"}
//
// A conversation's lines need not stand together, but must be in order: seq rises, and offset_seconds never falls.
// case_type may be left out. The first line of a conversation may carry "tags". Any other key is ignored, blank lines are
// skipped, and a byte order mark and CRLF line ends are taken as they come. The first fault ends the reading, with an
// error that names the line, the field and the remedy.
func Read(r io.Reader) ([]Conversation, error) {
	var (
		cs   []Conversation
		at   = map[string]int{}
		seqs []int64
		sc   = bufio.NewScanner(r)
		n    int
	)
	sc.Buffer(make([]byte, 0, 64<<10), MaxLine+3) // +3: a CRLF, and the byte by which too long a line is known
	for sc.Scan() {
		n++
		line := sc.Bytes()
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if len(line) > MaxLine {
			return nil, tooLong(n)
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		m, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		i, ok := at[m.id]
		if !ok {
			i = len(cs)
			at[m.id] = i
			cs = append(cs, Conversation{ID: m.id, CaseType: m.caseType})
			seqs = append(seqs, -1)
			if cs[i].Tags, err = m.tags(); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
		}
		if err := cs[i].add(m, seqs[i]); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		seqs[i] = m.seq
	}
	if err := sc.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, tooLong(n + 1)
	} else if err != nil {
		return nil, fmt.Errorf("after line %d: %w", n, err)
	}
	return cs, nil
}

func tooLong(n int) error {
	return fmt.Errorf("line %d: longer than %d bytes; write one message per line, each line ending in a newline", n, MaxLine)
}

func (c *Conversation) add(m parsed, last int64) error {
	if m.seq <= last {
		return fmt.Errorf("seq: %d does not rise above %d, the one before it in conversation %q; sort its lines by seq, and number each once", m.seq, last, c.ID)
	}
	if k := len(c.Messages); k > 0 && m.Offset < c.Messages[k-1].Offset {
		return fmt.Errorf("offset_seconds: %v is earlier than %v, the one before it in conversation %q; count from the conversation's start, and let it never fall",
			m.Offset.Seconds(), c.Messages[k-1].Offset.Seconds(), c.ID)
	}
	switch {
	case m.caseType == "" || m.caseType == c.CaseType:
	case c.CaseType == "":
		c.CaseType = m.caseType
	default:
		return fmt.Errorf("case_type: %q, but conversation %q has been %q; give all its lines the one type it turned out to be", m.caseType, c.ID, c.CaseType)
	}
	if len(c.Messages) == MaxMessages {
		return fmt.Errorf("conversation_id: %q has more than %d messages; split it, or check that the id is not shared by several conversations", c.ID, MaxMessages)
	}
	c.Messages = append(c.Messages, m.Message)
	return nil
}

type parsed struct {
	Message
	id, caseType string
	seq          int64
	rawTags      json.RawMessage
}

// parse takes keys exactly as they are spelt: encoding/json would take "Text" for "text", and so mix up a stranger's keys
// with ours.
func parse(line []byte) (parsed, error) {
	var m parsed
	if !utf8.Valid(line) {
		return m, errors.New("not UTF-8; save the file as UTF-8")
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(line, &raw); err != nil {
		return m, fmt.Errorf("not a JSON object: %w; write one message per line, as {\"conversation_id\":..., \"text\":...}", err)
	}
	if raw == nil {
		return m, errors.New("not a JSON object: null; take the line out")
	}
	str := func(field, want string) (string, error) {
		v, ok := raw[field]
		if !ok || string(v) == "null" {
			return "", fmt.Errorf("%s: missing; %s", field, want)
		}
		var s string
		if json.Unmarshal(v, &s) != nil {
			return "", fmt.Errorf("%s: %s is not a string; %s", field, clip(string(v)), want)
		}
		return s, nil
	}
	var err error
	const wantID = "give every message the id of its conversation, as a string"
	if m.id, err = str("conversation_id", wantID); err != nil {
		return m, err
	}
	if m.id == "" {
		return m, errors.New("conversation_id: empty; " + wantID)
	}
	if len(m.id) > MaxID {
		return m, fmt.Errorf("conversation_id: %d bytes, more than %d; use a shorter id", len(m.id), MaxID)
	}

	const wantSeq = "number a conversation's messages with whole numbers from 0 up"
	v, ok := raw["seq"]
	if !ok || string(v) == "null" {
		return m, errors.New("seq: missing; " + wantSeq)
	}
	if m.seq, err = strconv.ParseInt(string(v), 10, 64); err != nil || m.seq < 0 {
		return m, fmt.Errorf("seq: %s; %s", clip(string(v)), wantSeq)
	}

	const wantSender = `write "customer", "agent" or "bot"`
	if m.Sender, err = str("sender", wantSender); err != nil {
		return m, err
	}
	switch m.Sender {
	case Customer, Agent:
	case "bot":
		m.Sender = Agent
	default:
		return m, fmt.Errorf("sender: %s is not known; %s", clip(strconv.Quote(m.Sender)), wantSender)
	}

	if m.Text, err = str("text", "write what was said, as a string; it may be empty"); err != nil {
		return m, err
	}
	if len(m.Text) > MaxText {
		return m, fmt.Errorf("text: %d bytes, more than %d; cut it, or split it into several messages", len(m.Text), MaxText)
	}

	const wantOffset = "write the seconds since the conversation's start, as a number from 0 to 2592000 (30 days)"
	if v, ok = raw["offset_seconds"]; !ok || string(v) == "null" {
		return m, errors.New("offset_seconds: missing; " + wantOffset)
	}
	s, err := strconv.ParseFloat(string(v), 64)
	if err != nil || !(s >= 0 && s <= MaxOffset.Seconds()) {
		return m, fmt.Errorf("offset_seconds: %s; %s", clip(string(v)), wantOffset)
	}
	m.Offset = time.Duration(math.Round(s * float64(time.Second)))

	if v, ok = raw["case_type"]; ok && string(v) != "null" {
		want := "use one of " + strings.Join(caseTypes, ", ") + ", or leave it out"
		if m.caseType, err = str("case_type", want); err != nil {
			return m, err
		}
		if m.caseType != "" && !slices.Contains(caseTypes, m.caseType) {
			return m, fmt.Errorf("case_type: %s is not known; %s", clip(strconv.Quote(m.caseType)), want)
		}
	}
	m.rawTags = raw["tags"]
	return m, nil
}

func (m parsed) tags() ([]string, error) {
	if m.rawTags == nil {
		return nil, nil
	}
	var tags []string
	if json.Unmarshal(m.rawTags, &tags) != nil {
		return nil, fmt.Errorf("tags: %s is not a list of strings; write [\"anger\",\"long\"], or leave it out", clip(string(m.rawTags)))
	}
	return tags, nil
}

func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// Sample draws n conversations, so that thousands can be played from a few hundred. It goes through cs in a random order,
// and through it again in another until it has n: no conversation is drawn twice before all have been drawn once. Each
// gets an ID of its own, "<original>-<k>", and each pause in it is stretched or shortened by a factor from 0.8 to 1.3.
// The same cs, n and seed give the same sample on every machine, and a smaller n gives the beginning of a larger one.
func Sample(cs []Conversation, n int, seed uint64) []Conversation {
	if n <= 0 || len(cs) == 0 {
		return nil
	}
	taken := make(map[string]bool, len(cs))
	for _, c := range cs {
		taken[c.ID] = true
	}
	rng := rand.New(rand.NewPCG(seed, 0x636f72707573)) // "corpus"
	out := make([]Conversation, 0, n)
	var order []int
	for k := 1; len(out) < n; {
		if len(order) == 0 {
			order = rng.Perm(len(cs))
		}
		c := cs[order[0]]
		order = order[1:]
		id := c.ID + "-" + strconv.Itoa(k)
		for taken[id] {
			k++
			id = c.ID + "-" + strconv.Itoa(k)
		}
		k++ // never used again, so no two IDs can end alike
		out = append(out, Conversation{ID: id, CaseType: c.CaseType, Tags: slices.Clone(c.Tags), Messages: jitter(c.Messages, rng)})
	}
	return out
}

func jitter(ms []Message, rng *rand.Rand) []Message {
	out := slices.Clone(ms)
	var was, now time.Duration
	for i, m := range ms {
		// In whole thousandths and integers alone, so that no machine's floating point can differ.
		now += (m.Offset - was) / 1000 * time.Duration(800+rng.IntN(501))
		was = m.Offset
		out[i].Offset = now
	}
	return out
}
