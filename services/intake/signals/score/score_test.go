package score

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/services/intake/signals"
)

func judge(t *testing.T, file string) *Result {
	t.Helper()
	rows, err := Read(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	d, err := signals.Load()
	if err != nil {
		t.Fatal(err)
	}
	return Rows(rows, d, Limits{Negatives: 2, Questions: 2})
}

func TestForms(t *testing.T) {
	for name, file := range map[string]string{
		"a column a signal": "text,human_request,negative\nI want a human,1,0\nwhere is my order,0,0\nyou are useless,0,1\n",
		"one label":         "text,label\nI want a human,human_request\nwhere is my order,none\nyou are useless,negative\n",
		"mark and CRLF":     "\xEF\xBB\xBFtext,signal\r\n\"I want\na human\",human_request\r\nwhere is my order,\r\nyou are useless,negative\r\n",
	} {
		r := judge(t, file)
		for _, signal := range []string{"human_request", "negative"} {
			if c := r.Signals[signal]; c == nil || *c != (Counts{1, 1, 1, 0, 0, 2}) {
				t.Errorf("%s: %s %+v", name, signal, c)
			}
		}
		if len(r.Signals) != 2 || r.Messages != 3 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestWhatNobodyLabelledIsNotJudged(t *testing.T) {
	r := judge(t, "text,human_request,negative\nI want a human,,0\nI want a human,1,\n")
	if h, n := r.Signals["human_request"], r.Signals["negative"]; h.Hit != 1 || h.Alarm != 0 || n.Quiet != 1 {
		t.Errorf("%+v %+v", h, n)
	}
}

func TestConversations(t *testing.T) {
	r := judge(t, `conversation_id,seq,sender,text,repeated_negative,repeated_question
a,0,customer,where is my refund?,1,1
a,2,customer,I asked where my refund is,,
a,1,bot,you are useless,,
a,3,customer,this is ridiculous,,
a,4,customer,you are useless,,
b,0,customer,you are useless,0,0
b,1,customer,what is my balance,,
`)
	if r.Conversations != 2 || *r.Signals["repeated_negative"] != (Counts{1, 1, 1, 0, 0, 1}) || *r.Signals["repeated_question"] != (Counts{1, 1, 1, 0, 0, 1}) {
		t.Errorf("%+v %+v", r.Signals["repeated_negative"], r.Signals["repeated_question"])
	}
}

func TestBadFilesAreNamed(t *testing.T) {
	for file, says := range map[string]string{
		"":                                 "empty",
		"message,label\nhi,none\n":         "no column text",
		"text,kind\nhi,none\n":             "no column with labels",
		"text,label\nhi,none\nyo,banana\n": "line 3: no signal is called \"banana\"",
		"text,negative\nhi,maybe\n":        "line 2: negative is \"maybe\"",
		"text,repeated_negative\nhi,1\n":   "conversation_id",
		"label,text\nnone\n":               "no text",
		"text,label\n\"hi,none\n":          "line 2",
	} {
		if _, err := Read(strings.NewReader(file)); !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q in it", file, err, says)
		}
	}
}

// The rows are hand-written for these tests. The rules were tuned on all of them but those of unseen.csv.
func TestHandWrittenRows(t *testing.T) {
	for file, floor := range map[string]float64{"tuning.csv": 0.95, "holdout.csv": 0.8, "paraphrases.csv": 0.95, "unseen.csv": 0.75, "threats.csv": 0.9} {
		text, err := os.ReadFile("../testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		r := judge(t, string(text))
		for _, name := range Names {
			c := r.Signals[name]
			if file == "unseen.csv" && name != "human_request" && name != "negative" || file == "threats.csv" && c == nil {
				continue
			}
			if c == nil || c.Hit+c.Miss < 5 {
				t.Fatalf("%s has no rows for %s", file, name)
			}
			if c.Precision < max(floor, 0.85) || c.Recall < floor {
				t.Errorf("%s: %s has precision %.3f, recall %.3f", file, name, c.Precision, c.Recall)
			}
		}
	}
}
