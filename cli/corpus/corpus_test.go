package corpus

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"
)

func line(id string, seq int, offset string) string {
	return fmt.Sprintf(`{"conversation_id":%q,"seq":%d,"sender":"customer","text":"t","offset_seconds":%s}`+"\n", id, seq, offset)
}

// with gives a sound line in which one field is written differently, or left out.
func with(field, value string) string {
	fields := [][2]string{
		{"conversation_id", `"c"`}, {"seq", "0"}, {"sender", `"customer"`}, {"text", `"hi"`}, {"offset_seconds", "0"},
	}
	var parts []string
	found := false
	for _, f := range fields {
		if f[0] == field {
			found = true
			f[1] = value
		}
		if f[1] != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", f[0], f[1]))
		}
	}
	if !found && field != "" {
		parts = append(parts, fmt.Sprintf("%q:%s", field, value))
	}
	return "{" + strings.Join(parts, ",") + "}\n"
}

func TestReadTakes(t *testing.T) {
	one := []Conversation{{ID: "c", Messages: []Message{{Sender: Customer, Text: "hi"}}}}
	for name, tc := range map[string]struct {
		in   string
		want []Conversation
	}{
		"nothing":            {"", nil},
		"only blank lines":   {"\n \r\n\t\n", nil},
		"one line":           {with("", ""), one},
		"no newline at end":  {strings.TrimSuffix(with("", ""), "\n"), one},
		"CRLF and a BOM":     {"\ufeff" + strings.ReplaceAll(with("", "")+"\n", "\n", "\r\n"), one},
		"other keys":         {with("timing", `{"real":[true]}`), one},
		"another's Text key": {with("Text", `"not ours"`), one},
		"null case_type":     {with("case_type", "null"), one},
		"null tags":          {with("tags", "null"), one},
		"empty text":         {with("text", `""`), []Conversation{{ID: "c", Messages: []Message{{Sender: Customer}}}}},
		"a bot is an agent":  {with("sender", `"bot"`), []Conversation{{ID: "c", Messages: []Message{{Sender: Agent, Text: "hi"}}}}},
		"parts of a second":  {with("offset_seconds", "1.25"), []Conversation{{ID: "c", Messages: []Message{{Sender: Customer, Text: "hi", Offset: 1250 * time.Millisecond}}}}},
		"the last offset":    {with("offset_seconds", "2592000"), []Conversation{{ID: "c", Messages: []Message{{Sender: Customer, Text: "hi", Offset: MaxOffset}}}}},
		"any script, escaped or not": {with("text", `"\u05e9\u05dc\u05d5\u05dd ☕ كم"`),
			[]Conversation{{ID: "c", Messages: []Message{{Sender: Customer, Text: "שלום ☕ كم"}}}}},
		"lines that do not stand together": {
			line("b", 3, "5") + line("a", 0, "0") + line("b", 7, "5") + line("a", 1, "9"),
			[]Conversation{
				{ID: "b", Messages: []Message{{Customer, "t", 5 * time.Second}, {Customer, "t", 5 * time.Second}}},
				{ID: "a", Messages: []Message{{Customer, "t", 0}, {Customer, "t", 9 * time.Second}}},
			},
		},
		"tags on the first line only": {
			`{"conversation_id":"a","seq":0,"sender":"customer","text":"x","offset_seconds":0,"tags":["anger","rtl"]}` + "\n" +
				`{"conversation_id":"a","seq":1,"sender":"agent","text":"y","offset_seconds":1,"case_type":"dispute","tags":7}`,
			[]Conversation{{ID: "a", CaseType: "dispute", Tags: []string{"anger", "rtl"}, Messages: []Message{{Customer, "x", 0}, {Agent, "y", time.Second}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Read(strings.NewReader(tc.in))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	crowd := new(strings.Builder)
	for i := range MaxMessages + 1 {
		crowd.WriteString(line("c", i, "0"))
	}
	for name, tc := range map[string]struct {
		in   string
		want []string // all of these stand in the error: the line, the field, the remedy
	}{
		"not JSON":             {"hello\n", []string{"line 1", "not a JSON object", "one message per line"}},
		"a list":               {"[1]\n", []string{"line 1", "not a JSON object"}},
		"null":                 {"null\n", []string{"line 1", "null", "take the line out"}},
		"two objects":          {strings.TrimSpace(with("", "")) + with("", ""), []string{"line 1", "one message per line"}},
		"a later line":         {"\n\n" + with("", "") + "{\n", []string{"line 4"}},
		"Latin-1":              {with("text", "\"caf\xe9\""), []string{"line 1", "save the file as UTF-8"}},
		"UTF-16":               {"\xff\xfe{\x00}\x00\n\x00", []string{"line 1", "save the file as UTF-8"}},
		"no id":                {with("conversation_id", ""), []string{"line 1", "conversation_id: missing"}},
		"empty id":             {with("conversation_id", `""`), []string{"conversation_id: empty"}},
		"number for an id":     {with("conversation_id", "17"), []string{"conversation_id: 17 is not a string", "as a string"}},
		"long id":              {with("conversation_id", `"`+strings.Repeat("x", MaxID+1)+`"`), []string{"conversation_id: 257 bytes"}},
		"no seq":               {with("seq", ""), []string{"seq: missing", "from 0 up"}},
		"null seq":             {with("seq", "null"), []string{"seq: missing"}},
		"negative seq":         {with("seq", "-1"), []string{"seq: -1", "from 0 up"}},
		"half a seq":           {with("seq", "1.5"), []string{"seq: 1.5", "whole numbers"}},
		"seq as a string":      {with("seq", `"0"`), []string{`seq: "0"`, "whole numbers"}},
		"seq twice":            {line("c", 4, "0") + line("c", 4, "1"), []string{"line 2", "seq: 4 does not rise above 4", `"c"`, "sort"}},
		"seq falls":            {line("c", 4, "0") + line("d", 0, "1") + line("c", 3, "1"), []string{"line 3", "seq: 3 does not rise above 4"}},
		"no sender":            {with("sender", ""), []string{"sender: missing", `"customer"`}},
		"strange sender":       {with("sender", `"supervisor"`), []string{`sender: "supervisor" is not known`, `"agent"`}},
		"sender in capitals":   {with("sender", `"Customer"`), []string{`sender: "Customer" is not known`}},
		"no text":              {with("text", ""), []string{"text: missing", "may be empty"}},
		"text in capitals":     {strings.Replace(with("", ""), `"text"`, `"Text"`, 1), []string{"text: missing"}},
		"a list for a text":    {with("text", `["a"]`), []string{`text: ["a"] is not a string`}},
		"long text":            {with("text", `"`+strings.Repeat("é", MaxText/2+1)+`"`), []string{"line 1", "text: 65538 bytes, more than 65536", "split"}},
		"no offset":            {with("offset_seconds", ""), []string{"offset_seconds: missing", "30 days"}},
		"negative offset":      {with("offset_seconds", "-0.5"), []string{"offset_seconds: -0.5", "from 0 to 2592000"}},
		"offset as a string":   {with("offset_seconds", `"5"`), []string{`offset_seconds: "5"`, "as a number"}},
		"offset past 30 days":  {with("offset_seconds", "2592000.5"), []string{"offset_seconds: 2592000.5", "30 days"}},
		"offset past all":      {with("offset_seconds", "1e999"), []string{"offset_seconds: 1e999", "30 days"}},
		"offset in ms":         {with("offset_seconds", "1769000000000"), []string{"offset_seconds: 1769000000000", "seconds"}},
		"offset runs backward": {line("c", 0, "9") + line("c", 1, "8.5"), []string{"line 2", "offset_seconds: 8.5 is earlier than 9", `"c"`, "never fall"}},
		"strange type":         {with("case_type", `"refund"`), []string{`case_type: "refund" is not known`, "refund_status, "}},
		"number for a type":    {with("case_type", "3"), []string{"case_type: 3 is not a string", "leave it out"}},
		"two types": {strings.Replace(line("c", 0, "0"), "{", `{"case_type":"dispute",`, 1) + strings.Replace(line("c", 1, "0"), "{", `{"case_type":"unknown",`, 1),
			[]string{"line 2", `case_type: "unknown"`, `"dispute"`, "one type"}},
		"strange tags":   {with("tags", `"anger"`), []string{"line 1", `tags: "anger" is not a list of strings`}},
		"long line":      {with("", "") + with("other", `"`+strings.Repeat("x", MaxLine)+`"`), []string{"line 2", "longer than 1048576 bytes", "newline"}},
		"endless line":   {strings.Repeat(" ", 2*MaxLine), []string{"line 1", "longer than"}},
		"a large crowd":  {crowd.String(), []string{"line 10001", "conversation_id", "more than 10000 messages", "split"}},
		"nul for a file": {strings.Repeat("\x00", 600), []string{"line 1", "not a JSON object"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Read(strings.NewReader(tc.in))
			if err == nil {
				t.Fatal("no error")
			}
			if got != nil {
				t.Error("conversations beside an error")
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q is not in: %v", w, err)
				}
			}
			if len(err.Error()) > 600 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestReadBounds(t *testing.T) {
	pad := func(to int, end string) string {
		l := strings.TrimSuffix(with("", ""), "}\n") + `,"x":"`
		return l + strings.Repeat("y", to-len(l)-2) + `"}` + end
	}
	for _, end := range []string{"", "\n", "\r\n"} {
		if _, err := Read(strings.NewReader(pad(MaxLine, end))); err != nil {
			t.Errorf("a line of just MaxLine, ended by %q: %v", end, err)
		}
		if _, err := Read(strings.NewReader(pad(MaxLine+1, end))); err == nil {
			t.Errorf("a line of MaxLine+1, ended by %q, was taken", end)
		}
	}
	if _, err := Read(strings.NewReader(with("text", `"`+strings.Repeat("é", MaxText/2)+`"`))); err != nil {
		t.Errorf("a text of just MaxText: %v", err)
	}
}

func TestReadPassesOnReadErrors(t *testing.T) {
	_, err := Read(io.MultiReader(strings.NewReader(with("", "")), iotest.ErrReader(os.ErrDeadlineExceeded)))
	if err == nil || !strings.Contains(err.Error(), "after line 1") || !strings.Contains(err.Error(), os.ErrDeadlineExceeded.Error()) {
		t.Errorf("got %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(with("", "")))
	f.Add([]byte("\ufeff" + line("a", 0, "0") + "\r\n" + line("b", 2, "1.5") + line("a", 9, "1e3")))
	f.Add([]byte(with("tags", `["rtl","long"]`) + with("seq", "1")))
	f.Add([]byte(with("case_type", `"hardship_request"`)))
	f.Add([]byte(with("text", `"\ud800 \u0000 ✓"`)))
	f.Add([]byte(with("seq", "9223372036854775808")))
	f.Add([]byte(with("offset_seconds", "NaN")))
	f.Add([]byte("{\"a\":1}\nnull\n[]\n"))
	f.Add([]byte(shipped[:4000]))
	f.Fuzz(func(t *testing.T, in []byte) {
		cs, err := Read(bytes.NewReader(in))
		if err != nil {
			if cs != nil || !strings.Contains(err.Error(), "line ") {
				t.Fatalf("%v, %v", cs, err)
			}
			return
		}
		checkSound(t, cs)
		s := Sample(cs, 2*len(cs), 7)
		if len(s) != 2*len(cs) {
			t.Fatalf("%d of %d sampled", len(s), 2*len(cs))
		}
	})
}

// checkSound asserts what Read promises of whatever it takes.
func checkSound(t *testing.T, cs []Conversation) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range cs {
		if c.ID == "" || len(c.ID) > MaxID || seen[c.ID] {
			t.Errorf("the id %q is empty, long or taken", c.ID)
		}
		seen[c.ID] = true
		if c.CaseType != "" && !slices.Contains(caseTypes, c.CaseType) {
			t.Errorf("%s: type %q", c.ID, c.CaseType)
		}
		if len(c.Messages) == 0 || len(c.Messages) > MaxMessages {
			t.Errorf("%s: %d messages", c.ID, len(c.Messages))
		}
		var last time.Duration
		for i, m := range c.Messages {
			if m.Sender != Customer && m.Sender != Agent {
				t.Errorf("%s, message %d: sender %q", c.ID, i, m.Sender)
			}
			if len(m.Text) > MaxText || !utf8.ValidString(m.Text) {
				t.Errorf("%s, message %d: text", c.ID, i)
			}
			if m.Offset < last || m.Offset > MaxOffset {
				t.Errorf("%s, message %d: offset %v after %v", c.ID, i, m.Offset, last)
			}
			last = m.Offset
		}
	}
}

func TestReadRealConversations(t *testing.T) {
	// From cli/corpus, three up is the folder that the repository stands in.
	dir := filepath.Join("..", "..", "..", "shared", "data")
	if d := os.Getenv("CASETRAIL_TESTDATA"); d != "" {
		dir = d
	}
	for file, want := range map[string]int{"conversations_star.jsonl": 947, "conversations_multidogo.jsonl": 1924} {
		t.Run(file, func(t *testing.T) {
			f, err := os.Open(filepath.Join(dir, file))
			if err != nil {
				why := fmt.Sprintf("NOT TESTED: Read on real conversations: %v; set CASETRAIL_TESTDATA to the folder with %s", err, file)
				if os.Getenv("CI") == "true" {
					t.Fatal(why)
				}
				t.Skip(why)
			}
			defer f.Close()
			cs, err := Read(f)
			if err != nil {
				t.Fatal(err)
			}
			if len(cs) != want {
				t.Errorf("%d conversations, want %d", len(cs), want)
			}
			checkSound(t, cs)
		})
	}
}

func TestSample(t *testing.T) {
	cs, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	const n = 3000
	got := Sample(cs, n, 42)
	if len(got) != n {
		t.Fatalf("%d sampled", len(got))
	}
	if !reflect.DeepEqual(got, Sample(cs, n, 42)) {
		t.Error("the same seed gave another sample")
	}
	if !reflect.DeepEqual(got[:50], Sample(cs, 50, 42)) {
		t.Error("a smaller sample is not the beginning of a larger one")
	}
	if reflect.DeepEqual(got[:50], Sample(cs, 50, 43)) {
		t.Error("another seed gave the same sample")
	}
	checkSound(t, got) // unique IDs among others

	byID := map[string]Conversation{}
	for _, c := range cs {
		byID[c.ID] = c
	}
	drawn := map[string]int{}
	var stretched, shortened bool
	for _, c := range got {
		orig, ok := byID[c.ID[:strings.LastIndex(c.ID, "-")]]
		if _, isOld := byID[c.ID]; !ok || isOld {
			t.Fatalf("the id %q", c.ID)
		}
		drawn[orig.ID]++
		if c.CaseType != orig.CaseType || !slices.Equal(c.Tags, orig.Tags) || len(c.Messages) != len(orig.Messages) {
			t.Fatalf("%s is not like %s", c.ID, orig.ID)
		}
		for i, m := range c.Messages {
			o := orig.Messages[i]
			if m.Text != o.Text || m.Sender != o.Sender {
				t.Fatalf("%s, message %d, is another one", c.ID, i)
			}
			if m.Offset < o.Offset*8/10 || m.Offset > o.Offset*13/10 {
				t.Errorf("%s, message %d: %v from %v", c.ID, i, m.Offset, o.Offset)
			}
			stretched = stretched || m.Offset > o.Offset
			shortened = shortened || m.Offset < o.Offset
		}
	}
	if !stretched || !shortened {
		t.Error("the timing does not vary")
	}
	for _, c := range cs {
		if d, low := drawn[c.ID], n/len(cs); d != low && d != low+1 {
			t.Errorf("%s was drawn %d times, others %d", c.ID, d, low)
		}
	}
}

func TestSampleLeavesItsInputAlone(t *testing.T) {
	cs := []Conversation{{ID: "a", Tags: []string{"long"}, Messages: []Message{{Customer, "x", 0}, {Agent, "y", time.Minute}}}}
	s := Sample(cs, 2, 1)
	s[0].Tags[0], s[0].Messages[0].Text = "changed", "changed"
	if cs[0].Tags[0] != "long" || cs[0].Messages[0].Text != "x" || s[1].Messages[0].Text != "x" || cs[0].Messages[1].Offset != time.Minute {
		t.Errorf("%+v, %+v", cs, s)
	}
}

func TestSampleIDs(t *testing.T) {
	// IDs that look like sampled ones must neither be met nor made twice.
	cs := []Conversation{{ID: "a"}, {ID: "a-1"}, {ID: "a-2"}, {ID: "a-1-2"}, {ID: "a-3"}}
	for seed := range uint64(50) {
		seen := map[string]bool{"a": true, "a-1": true, "a-2": true, "a-1-2": true, "a-3": true}
		for _, c := range Sample(cs, 40, seed) {
			if seen[c.ID] {
				t.Fatalf("seed %d: %q twice", seed, c.ID)
			}
			seen[c.ID] = true
		}
	}
}

func TestSampleOfNothing(t *testing.T) {
	if s := Sample(nil, 5, 1); s != nil {
		t.Error(s)
	}
	if s := Sample([]Conversation{{ID: "a"}}, 0, 1); s != nil {
		t.Error(s)
	}
	if s := Sample([]Conversation{{ID: "a"}}, -1, 1); s != nil {
		t.Error(s)
	}
}
