package record

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// Every check lets a sound record pass and stops the one thing that it is about, by name.
func TestChecks(t *testing.T) {
	sound := goldenLedger(t)
	for _, body := range sound.bodies {
		s, err := Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckConduct(&s.Record); err != nil {
			t.Errorf("a sound record: %v", err)
		}
	}
	breaks := map[string]func(*Record){
		"csat_range":     func(r *Record) { r.Case.CustomerSatisfactionScore = Some(int32(0)) },
		"amendment_says": func(r *Record) { r.Kind = KindAmendment },
		"amends_before": func(r *Record) {
			r.Kind, r.Amendment = KindAmendment, Amendment{Amends: Source{0, 7, 0}, ComplaintLodged: true}
		},
		"counts":           func(r *Record) { r.Case.HumanMessages = -1 },
		"guard":            func(r *Record) { r.Case.Route, r.Case.Handler = RouteHumanHandled, HandlerHuman },
		"unknown":          func(r *Record) { r.Case.CaseType, r.Case.AIMessages = "unknown", 1 },
		"breach_escalates": func(r *Record) { r.Case.GuardBreach = true },
		"route_handler":    func(r *Record) { r.Case.Handler = HandlerHuman },
		"signals":          func(r *Record) { r.Case.EscalationSignals = []Signal{SignalDuration} },
		"escalated_at":     func(r *Record) { r.Case.EscalatedAt = Some(r.Case.OpenedAt) },
		"opened":           func(r *Record) { r.Case.ConcludedAt = r.Case.OpenedAt - 1 },
		"requested":        func(r *Record) { r.Case.HumanRequestedAt = Some(r.Case.OpenedAt - 1) },
		"escalated": func(r *Record) {
			r.Case.EscalationTriggered, r.Case.EscalationSignals, r.Case.EscalatedAt = true, []Signal{SignalDuration}, Some(r.Case.ConcludedAt+1)
		},
		"policy_document": func(r *Record) { r.Kind, r.Policy = KindPolicy, Policy{Document: "version: a"} },
		"joined":          func(r *Record) { r.Case.HumanJoinedAt = Some(r.Case.ConcludedAt + 1) },
	}
	for _, c := range Checks {
		r := someCase("case-1")
		r.Source, r.Case.EscalationSignals = Source{0, 5, 0}, slices.Clone(r.Case.EscalationSignals)
		if err := CheckConduct(&r); err != nil {
			t.Fatal(err)
		}
		breaks[c.Name](&r)
		if err := CheckConduct(&r); err == nil || !strings.Contains(err.Error(), "misconduct: check "+c.Name+":") {
			t.Errorf("%s: got %v", c.Name, err)
		}
	}
}

func TestExportThatIsNone(t *testing.T) {
	b := plain(t, 1)
	text := string(export(t, b, b.bodies))
	for name, c := range map[string]struct{ text, want string }{
		"empty":             {"", "field header: malformed: line 1"},
		"another version":   {strings.Replace(text, `"casetrail_export":1`, `"casetrail_export":2`, 1), "field header"},
		"no ledger":         {`{"casetrail_export":1}`, "field ledger"},
		"not JSON":          {text + "}\n", "line 4"},
		"an endless line":   {text + strings.Repeat("x", maxLine+1), "line 4: bufio.Scanner: token too long"},
		"body not base64":   {strings.Replace(text, `"body":"`, `"body":"?`, 1), "line 2"},
		"a late checkpoint": {text + string(checkpointLine(func() []byte { cp, _ := b.signer.SignCheckpoint(testLedger, 1, Hash{}); return cp.Note }())), "compared at 2 records"},
		"of another ledger": {text + string(checkpointLine(func() []byte { cp, _ := b.signer.SignCheckpoint("x", 2, Hash{}); return cp.Note }())), "other_ledger"},
		"not a checkpoint":  {text + string(checkpointLine([]byte("hello"))), "field checkpoint: malformed"},
	} {
		_, _, err := VerifyExport(strings.NewReader(c.text), b.signer.Verifier(), nil)
		if _, ok := err.(*Fault); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if r, _, err := VerifyExport(bytes.NewReader([]byte(text)), b.signer.Verifier(), nil); err != nil || r.Covered != 0 || r.Records != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}
