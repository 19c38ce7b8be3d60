package score

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Row is one message with what is known of it.
type Row struct {
	Text         string
	Labels       map[string]bool // of Names and Conversation; a name that is not there is not judged
	Conversation string          // empty for a message that stands alone
	Seq          int
	Customer     bool
}

// ErrFile is wrapped by every error about a file's content.
var ErrFile = errors.New("labelled rows")

// bare are labels of a message that says none of the signals.
var bare = []string{"", "none", "neutral", "other", "0", "false", "no"}

// Read takes a CSV file with a header, with or without a byte order mark. Of its columns it needs text, and labels as
// one of
//
//   - a column for each signal (Names): 1 or 0, true or false, yes or no, and empty where nobody has judged it;
//   - a column label or signal: names of signals separated by |, or none. 1 stands for human_request. Every signal that
//     the file names is judged on every row;
//   - beside conversation_id a column of Conversation, which holds for the conversation if it is 1 in any of its rows.
//
// A column sender other than customer leaves a message out of its conversation; seq orders the messages, which are in
// the file's order otherwise. Other columns are nothing to it.
func Read(in io.Reader) ([]Row, error) {
	b := bufio.NewReader(in)
	if mark, _ := b.Peek(3); string(mark) == "\xEF\xBB\xBF" {
		_, _ = b.Discard(3)
	}
	r := csv.NewReader(b)
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: the file is empty; its first line must name the columns, such as text,label", ErrFile)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	t, err := columns(header)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for {
		line, err := r.Read()
		if errors.Is(err, io.EOF) {
			return t.close(rows), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFile, err)
		}
		row, err := t.row(line)
		if err != nil {
			at, _ := r.FieldPos(0)
			return nil, fmt.Errorf("%w: line %d: %w", ErrFile, at, err)
		}
		rows = append(rows, row)
	}
}

// table is where the columns stand.
type table struct {
	text, label, id, seq, sender int // -1 if there is none
	signals                      map[string]int
	named                        map[string]bool // signals that a label has named
}

func columns(header []string) (*table, error) {
	at := func(name string) int {
		return slices.IndexFunc(header, func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), name) })
	}
	t := &table{text: at("text"), label: max(at("label"), at("signal")), id: at("conversation_id"), seq: at("seq"), sender: at("sender"),
		signals: map[string]int{}, named: map[string]bool{}}
	for _, name := range slices.Concat(Names, Conversation) {
		if i := at(name); i >= 0 {
			t.signals[name] = i
		}
	}
	switch {
	case t.text < 0:
		return nil, fmt.Errorf("%w: there is no column text, only %s", ErrFile, strings.Join(header, ", "))
	case t.label < 0 && len(t.signals) == 0:
		return nil, fmt.Errorf("%w: there is no column with labels: name one label, or any of %s", ErrFile,
			strings.Join(slices.Concat(Names, Conversation), ", "))
	case t.id < 0 && slices.ContainsFunc(Conversation, func(name string) bool { _, ok := t.signals[name]; return ok }):
		return nil, fmt.Errorf("%w: %s need a column conversation_id", ErrFile, strings.Join(Conversation, " and "))
	}
	return t, nil
}

func (t *table) row(line []string) (Row, error) {
	get := func(i int) string {
		if i < 0 || i >= len(line) {
			return ""
		}
		return strings.Clone(line[i])
	}
	if t.text >= len(line) {
		return Row{}, fmt.Errorf("it has %d fields, and no text", len(line))
	}
	row := Row{Text: get(t.text), Labels: map[string]bool{}, Conversation: get(t.id), Customer: true}
	if s := strings.ToLower(strings.TrimSpace(get(t.sender))); s != "" {
		row.Customer = s == "customer" || s == "user"
	}
	if s := strings.TrimSpace(get(t.seq)); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return Row{}, fmt.Errorf("seq %q is no whole number", s)
		}
		row.Seq = n
	}
	for name, i := range t.signals {
		switch s := strings.ToLower(strings.TrimSpace(get(i))); s {
		case "1", "true", "yes":
			row.Labels[name] = true
		case "0", "false", "no":
			row.Labels[name] = false
		case "":
		default:
			return Row{}, fmt.Errorf("%s is %q; it must be 1, 0 or empty", name, s)
		}
	}
	for _, name := range strings.Split(get(t.label), "|") {
		switch name = strings.ToLower(strings.TrimSpace(name)); {
		case slices.Contains(bare, name):
			continue
		case name == "1" || name == "true" || name == "yes":
			name = "human_request"
		case !slices.Contains(Names, name):
			return Row{}, fmt.Errorf("no signal is called %q; there are %s, and none", name, strings.Join(Names, ", "))
		}
		row.Labels[name], t.named[name] = true, true
	}
	return row, nil
}

// close says no to the signals that a row's label could have named and has not.
func (t *table) close(rows []Row) []Row {
	for name := range t.named {
		if _, own := t.signals[name]; own {
			continue
		}
		for i := range rows {
			if !rows[i].Labels[name] {
				rows[i].Labels[name] = false
			}
		}
	}
	return rows
}
