package assess

import (
	"errors"
	"math"
	"strings"
	"testing"
)

const (
	refund  = 0
	dispute = 4
	fraud   = 5
)

func row(truth int, ai float64) Row {
	said := Unknown
	if ai >= 0.5 {
		said = refund
	}
	return Row{Truth: truth, Said: said, Probability: 0.9, AI: ai}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestLeakAtAShare(t *testing.T) {
	// Two thirds of the traffic are refunds, a sixth disputes, a sixth unknown.
	mix := Mix{refund: 4, dispute: 1, Unknown: 1}
	rows := []Row{row(refund, 0.9), row(refund, 0.7), row(dispute, 0.8), row(dispute, 0.1), row(Unknown, 0.2)}
	weights := Weights(rows, mix)
	near(t, "weight of a refund", weights[0], 1.0/3)
	near(t, "weight of a dispute", weights[2], 1.0/12)

	l := At(rows, weights, 1.0/3)
	near(t, "leak of the first third", l.HumanOnly, 0)
	l = At(rows, weights, 1.0/3+1.0/24)
	near(t, "leak with half a dispute", l.HumanOnly, 0.25)
	near(t, "share", l.Share, 1.0/3+1.0/24)
	l = At(rows, weights, 1)
	near(t, "leak of everything", l.HumanOnly, 1)
	near(t, "unknown of everything", l.Unknown, 1)
}

func TestRowsOfOneProbabilityAreTakenAlike(t *testing.T) {
	rows := []Row{row(refund, 0.5), row(dispute, 0.5)}
	l := At(rows, Weights(rows, Mix{refund: 1, dispute: 1}), 0.5)
	near(t, "leak", l.HumanOnly, 0.5)
}

func TestByThresholdAsTheRouterDoes(t *testing.T) {
	rows := []Row{row(refund, 0.9), row(fraud, 0.8), {Truth: dispute, Said: dispute, AI: 0.95}}
	weights := Weights(rows, Mix{refund: 2, fraud: 1, dispute: 1})
	near(t, "leak at 0.8: a row typed as a human's is never an AI's", By(rows, weights, 0.8).HumanOnly, 0.5)
	near(t, "leak above", By(rows, weights, 0.81).HumanOnly, 0)
	near(t, "share", By(rows, weights, 0.81).Share, 0.5)
}

func TestJudge(t *testing.T) {
	var also Set
	also.Add(fraud)
	rows := []Row{{Truth: dispute, Also: also, Said: fraud}, {Truth: dispute, Said: refund}, {Truth: refund, Said: refund}}
	q := Judge(rows, Weights(rows, Mix{refund: 1, dispute: 1}))
	near(t, "accuracy", q.Accuracy, 0.75)
	near(t, "recall", q.Recall[dispute], 0.5)
	near(t, "precision", q.Precision[refund], 2.0/3)
	near(t, "macro-F1 over the types that have rows", q.MacroF1, (2*0.25/(0.25+0.5)+2*0.5/(0.75+0.5))/2)
	if q.Confusion[dispute][dispute] != 1 || q.Confusion[dispute][refund] != 1 {
		t.Errorf("confusion %v", q.Confusion)
	}
}

func TestCalibration(t *testing.T) {
	rows := []Row{{Truth: refund, Said: refund, Probability: 1, AI: 1}, {Truth: dispute, Said: refund, Probability: 1, AI: 1}}
	weights := Weights(rows, Mix{refund: 3, dispute: 1})
	near(t, "of the AI probability", CalibrationOfAI(rows, weights), 0.25)
	near(t, "of the type", CalibrationOfType(rows, weights), 0.25)
}

func TestChooseKeepsTheBudget(t *testing.T) {
	var rows []Row
	for i := range 1000 {
		rows = append(rows, row(refund, 1-float64(i)/2000), row(dispute, float64(i)/1050))
	}
	weights := Weights(rows, Mix{refund: 7, dispute: 3})
	b, ok := Choose(rows, weights, 0.01)
	if !ok || b.Leak.HumanOnly > 0.01 || By(rows, weights, b.Threshold-0.0001).HumanOnly <= 0.01 {
		t.Errorf("%+v is not the lowest threshold", b)
	}
	if b.Rows != 1000 || math.Abs(b.Effective-1000) > 1e-6 || b.Bound <= b.Leak.HumanOnly || b.Bound > 0.018 {
		t.Errorf("%+v", b)
	}
	near(t, "95 % bound of 0 in 100", upper(0, 100), 1-math.Pow(0.05, 0.01))
	if got := upper(5, 1000); math.Abs(got-0.010485) > 1e-5 {
		t.Errorf("95 %% bound of 5 in 1000: %v", got)
	}
	if _, ok := Choose([]Row{row(dispute, 1)}, []float64{1}, 0.5); ok {
		t.Error("a budget that can't be kept is kept")
	}
}

func TestReadTable(t *testing.T) {
	got, err := ReadTable(strings.NewReader("\xEF\xBB\xBFid, Text ,case_type,alt_types\r\n1,\"a, \"\"b\"\"\r\nc\",dispute,fraud_claim|unknown\r\n\r\n2,,unknown,\r\n"))
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	if got[0].Text != "a, \"b\"\nc" || got[0].Truth != dispute || !got[0].Also.Has(fraud) || !got[0].Also.Has(Unknown) || got[0].Also.Has(refund) {
		t.Errorf("%+v", got[0])
	}
	for _, c := range []struct{ in, says string }{
		{"", "empty"},
		{"text,label\na,b\n", "no column case_type"},
		{"case_type\nunknown\n", "no column text"},
		{"text,case_type\n", "no row"},
		{"text,case_type\na,dispute\nb,refund\n", `line 3, column case_type: no case type "refund"`},
		{"text,case_type,alt_types\na,dispute,mail\n", `line 2, column alt_types: no case type "mail"`},
		{"text,case_type\na,b,dispute\n", "line 2 has 3 columns"},
		{"text,case_type\n\"a,dispute\n", "quote"},
	} {
		if _, err := ReadTable(strings.NewReader(c.in)); !errors.Is(err, ErrTable) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, should say %q", c.in, err, c.says)
		}
	}
}

func FuzzReadTable(f *testing.F) {
	f.Add("text,case_type\na,dispute\n")
	f.Add("\xEF\xBB\xBFtext,case_type,alt_types\r\n\"a\r\nb\",dispute,fraud_claim\r\n")
	f.Add("text,case_type\n\"")
	f.Fuzz(func(t *testing.T, in string) {
		if rows, err := ReadTable(strings.NewReader(in)); err == nil && len(rows) == 0 {
			t.Error("no rows, and no error")
		}
	})
}

func TestParseMix(t *testing.T) {
	rows := []Labelled{{Truth: refund}, {Truth: dispute}, {Truth: dispute}}
	if got, err := ParseMix(AssumedMix.String(), rows); err != nil || got != AssumedMix {
		t.Error(got, err)
	}
	if got, err := ParseMix("rows", rows); err != nil || got != (Mix{refund: 1, dispute: 2}) {
		t.Error(got, err)
	}
	for in, says := range map[string]string{
		"": "not type=share", "mail=1": "no case type", "dispute=x": "not a number", "dispute=-1": "not a number",
		"dispute=1,dispute=2": "twice", "dispute=0": "no type a share", "fraud_claim=1": "no row is of a type", "dispute=NaN": "not a number",
	} {
		if _, err := ParseMix(in, rows); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, should say %q", in, err, says)
		}
	}
}
