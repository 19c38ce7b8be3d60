package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const plainDocument = `# who gets what
version: "p-1"
routes:
  ai_handles: [billing]
  human_only: [dispute, fraud_claim]
`

// told is what is expected of a false ledger: signed by the right key, in order by itself, and not true.
type told struct {
	Name     string            `json:"name"`
	Verdicts map[string]string `json:"verdicts"` // by statement; the others are held
	Says     string            `json:"says"`     // somewhere in what is printed
	Months   []Month           `json:"months,omitempty"`
}

const (
	noAI, met, within = "no-ai-on-human-only", "human-requests-met", "human-within-3-minutes"
	broken            = "broken"
)

func instant(text string) int64 {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return at.UnixMilli()
}

// conduct is a case of a human-only type that a human had; change tells another.
func conduct(change func(*Case)) Record {
	c := Case{Workflow: "support", CaseID: "c", CaseType: "dispute", Route: RouteHumanHandled, Handler: HandlerHuman, ClassifierVersion: "c-3", PolicyVersion: "p-1",
		OpenedAt: instant("2026-02-10T10:00:00Z"), ConcludedAt: instant("2026-02-10T11:00:00Z"), CustomerMessages: 2}
	change(&c)
	return Record{Kind: KindCase, Case: c}
}

// asked is a case whose customer asked for a human, who joined after so long; never if it is negative.
func asked(at string, waited time.Duration) Record {
	return conduct(func(c *Case) {
		c.HumanRequestedAt, c.OpenedAt, c.ConcludedAt = Some(instant(at)), instant(at), instant(at)+int64(2*time.Hour/time.Millisecond)
		if waited >= 0 {
			c.HumanJoinedAt = Some(instant(at) + waited.Milliseconds())
		}
	})
}

// escalated had the AI first.
func escalated(c *Case, signal Signal, at int64) {
	c.Route, c.EscalationTriggered, c.EscalationSignals, c.EscalatedAt, c.AIMessages = RouteAIThenEscalated, true, []Signal{signal}, Some(at), 1
}

func statementVectors(t testing.TB) ([]told, map[string][]byte) {
	var index []told
	files := map[string][]byte{}
	tell := func(w told, document string, cases ...Record) {
		b := newBuilder(t)
		b.add(Record{Kind: KindGenesis})
		b.add(Record{Kind: KindPolicy, Policy: Policy{"p-1", sha256.Sum256([]byte(document)), 1767225600000, document}})
		for i, r := range cases {
			r.Case.CaseID = fmt.Sprint("case-", i+1)
			b.add(r)
		}
		b.mark()
		index, files[w.Name] = append(index, w), export(t, b, b.bodies)
	}
	is := func(name, verdict string) map[string]string { return map[string]string{name: verdict} }
	ai := func(c *Case) { c.Route, c.Handler, c.AIMessages = RouteAIHandled, HandlerAI, 2 }
	request := func(c *Case) { c.HumanRequestedAt = Some(c.OpenedAt + 1000) }
	feb := func(requests, inTime, never int64) []Month { return []Month{{"2026-02", requests, inTime, never}} }

	tell(told{"nothing-to-tell", nil, "held                no-ai-on-human-only", nil}, plainDocument, conduct(func(*Case) {}))
	tell(told{"ai-to-the-end", is(noAI, broken), `1 of them, the first: ledger casetrail/test/0/1 sequence 3, case "case-2": type dispute, which is human-only, and the AI had it`, nil},
		plainDocument, conduct(func(*Case) {}), conduct(ai))
	tell(told{"ai-to-the-end-by-lists-in-lines", is(noAI, broken), "sequence 2", nil},
		"version: p-1\nroutes:\n  ai_handles:\n  - billing\n  human_only: # not the AI's\n  - 'fraud_claim'\n  - \"dispute\"\nidle_close: 4h\n", conduct(ai))
	tell(told{"ai-without-policy", is(noAI, broken), "an AI had it while no policy was in force", nil}, plainDocument,
		conduct(func(c *Case) { ai(c); c.PolicyVersion = "" }))
	tell(told{"ai-by-a-policy-not-there", is(noAI, NotCheckable.String()), `names policy "p-9", which is not in the ledger before it`, nil}, plainDocument,
		conduct(func(c *Case) { ai(c); c.PolicyVersion = "p-9" }))
	tell(told{"ai-by-a-policy-not-read", is(noAI, NotCheckable.String()), "can't read the human-only types: line 2: routes is", nil},
		"version: p-1\nroutes: {human_only: [dispute]}\n", conduct(ai))
	tell(told{"ai-on-a-type-of-its-own", nil, "(0 checked)", nil}, plainDocument, conduct(func(c *Case) { ai(c); c.CaseType = "billing" }))
	tell(told{"ai-and-a-breach", nil, "1 have a turn of an AI that is on record as a breach of the guard, the first: ledger casetrail/test/0/1 sequence 2", nil}, plainDocument,
		conduct(func(c *Case) {
			escalated(c, SignalGuardBreach, c.OpenedAt)
			c.Route, c.GuardBreach = RouteHumanHandled, true
		}))
	tell(told{"ai-before-it-was-known", nil, "1 the AI had before they were of such a type", nil}, plainDocument,
		conduct(func(c *Case) { escalated(c, SignalCaseTypeChange, c.OpenedAt+5) }))

	tell(told{"request-that-the-ai-kept", map[string]string{met: broken, within: broken}, "no human joined, and the AI kept it", feb(1, 0, 1)}, plainDocument,
		conduct(func(c *Case) { ai(c); request(c); c.CaseType = "billing" }))
	tell(told{"request-that-was-passed-on-late", map[string]string{met: broken, within: broken}, "no human joined, and the AI kept it", feb(1, 0, 1)}, plainDocument,
		conduct(func(c *Case) { request(c); escalated(c, SignalDuration, c.OpenedAt+1001) }))
	tell(told{"request-that-is-an-open-breach", is(within, broken), "2 are open breaches", feb(2, 0, 2)}, plainDocument,
		conduct(request), conduct(func(c *Case) { request(c); escalated(c, SignalHumanRequest, c.OpenedAt+1000) }))
	tell(told{"request-of-a-human-who-is-there", nil, "1 of 1 requests", feb(1, 1, 0)}, plainDocument,
		conduct(func(c *Case) { request(c); c.HumanJoinedAt = Some(c.OpenedAt) }))

	tell(told{"a-moment-under-three-minutes", nil, "100.00 %", feb(1, 1, 0)}, plainDocument, asked("2026-02-01T00:00:00Z", 3*time.Minute-time.Millisecond))
	tell(told{"three-minutes", is(within, broken), "0.00 %; 95 % is not met", feb(1, 0, 0)}, plainDocument, asked("2026-02-01T00:00:00Z", 3*time.Minute))
	var twenty []Record
	for i := range 20 {
		twenty = append(twenty, asked("2026-02-03T00:00:00Z", time.Duration(i/19*2)*time.Hour))
	}
	tell(told{"nineteen-of-twenty", nil, "19 of 20 requests under 3 minutes, 95.00 %; 95 % is met", feb(20, 19, 0)}, plainDocument, twenty...)
	twenty[18].Case.HumanJoinedAt = Optional[int64]{}
	tell(told{"eighteen-of-twenty", is(within, broken), "2 of them, the first: the requests of 2026-02", feb(20, 18, 1)}, plainDocument, twenty...)
	tell(told{"months-are-of-utc", is(within, broken), "2028-02: 1 of 1", []Month{{"2026-03", 1, 1, 0}, {"2026-04", 1, 0, 1}, {"2026-12", 1, 1, 0}, {"2027-01", 1, 1, 0},
		{"2028-02", 1, 1, 0}, {"2028-03", 1, 1, 0}}}, plainDocument,
		asked("2026-03-31T23:59:59.999Z", 0), asked("2026-04-01T00:00:00Z", -1), asked("2026-12-31T23:59:59.999Z", 0), asked("2027-01-01T00:00:00Z", 0),
		asked("2028-02-29T23:59:59.999Z", 0), asked("2028-03-01T00:00:00Z", 0))
	tell(told{"clocks-that-are-put-back", is(within, broken), "2 of 3", []Month{{"2026-10", 3, 2, 0}}}, plainDocument, // Madrid: 02:59 and 02:01
		asked("2026-10-25T00:59:00Z", 2*time.Minute), asked("2026-03-29T00:59:00Z", 2*time.Minute).moved("2026-10-24T00:59:00Z"), asked("2026-10-25T00:30:00Z", 61*time.Minute))
	tell(told{"no-time-at-all", is(within, broken), "0 of 1", nil}, plainDocument, conduct(func(c *Case) {
		c.OpenedAt, c.ConcludedAt = math.MinInt64, math.MaxInt64
		c.HumanRequestedAt, c.HumanJoinedAt = Some(int64(math.MinInt64)), Some(int64(math.MaxInt64))
	}))
	return index, files
}

// moved is the same case at another time.
func (r Record) moved(to string) Record {
	by := instant(to) - r.Case.OpenedAt
	r.Case.OpenedAt, r.Case.ConcludedAt = r.Case.OpenedAt+by, r.Case.ConcludedAt+by
	r.Case.HumanRequestedAt.Value += by
	r.Case.HumanJoinedAt.Value += by
	return r
}

// A signer who lies signs well. Of every such ledger, which verifies, the statements say what is not true of it; wherever it is read.
func TestStatementVectors(t *testing.T) {
	local := time.Local
	time.Local = time.FixedZone("far from UTC", 13*60*60)
	t.Cleanup(func() { time.Local = local })
	index, files := statementVectors(t)
	var list bytes.Buffer
	for _, w := range index {
		if err := json.NewEncoder(&list).Encode(w); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("statements", w.Name+".jsonl"), files[w.Name])
		t.Run(w.Name, func(t *testing.T) {
			r, _, err := VerifyExport(bytes.NewReader(files[w.Name]), testSigner(t, "casetrail-test", 1).Verifier(), nil)
			if err != nil {
				t.Fatal(err)
			}
			w.judge(t, r.Statements)
			both := NewStatements() // beside a ledger that has nothing to tell
			both.Join(NewStatements())
			both.Join(r.Statements)
			w.judge(t, both)
		})
	}
	golden(t, "statements.jsonl", list.Bytes())
}

func (w told) judge(t *testing.T, s *Statements) {
	t.Helper()
	got, want := map[string]string{}, map[string]string{"metrics-recompute": NotCheckable.String(), "events-accounted": NotCheckable.String()}
	maps.Copy(want, w.Verdicts)
	for _, x := range s.List() {
		if x.Verdict != Held {
			got[x.Name] = x.Verdict.String()
		}
		if (x.Err() != nil) != (x.Verdict == Broken && x.Name != within) {
			t.Errorf("%s: %v", x.Name, x.Err())
		}
	}
	var text strings.Builder
	if err := Print(&text, s.List()); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, want) || !strings.Contains(text.String(), w.Says) {
		t.Errorf("%v, want %v and %q in\n%s", got, want, w.Says, text.String())
	}
	if w.Months != nil && !reflect.DeepEqual(s.Months(), w.Months) {
		t.Errorf("%+v, want %+v", s.Months(), w.Months)
	}
}

// Of several ledgers the first case that breaks a statement is told, and all are counted.
func TestStatementsOfSeveralLedgers(t *testing.T) {
	_, files := statementVectors(t)
	all := NewStatements()
	for _, name := range []string{"nothing-to-tell", "ai-by-a-policy-not-there", "ai-to-the-end", "ai-by-a-policy-not-there", "ai-without-policy", "nineteen-of-twenty", "eighteen-of-twenty"} {
		r, _, err := VerifyExport(bytes.NewReader(files[name]), testSigner(t, "casetrail-test", 1).Verifier(), nil)
		if err != nil {
			t.Fatal(err)
		}
		all.Join(r.Statements)
	}
	got := all.List()[0]
	if got.Verdict != Broken || got.Against != 2 || !strings.Contains(got.First, "case-2") || got.Count != 46 {
		t.Errorf("%+v", got)
	}
	if m := all.Months(); !slices.Equal(m, []Month{{"2026-02", 40, 37, 1}}) || m[0].Met() {
		t.Errorf("%+v", m)
	}
}

// A case may be opened in one generation of a ledger and concluded in the next; another partition's policies are not the ledger's.
func TestStatementsGoOnInTheNextGeneration(t *testing.T) {
	s := NewStatements()
	policy := Record{Ledger: "d/e/0/1", Kind: KindPolicy, Policy: Policy{Version: "p-1", Document: plainDocument}}
	r := conduct(func(c *Case) { c.Route, c.Handler = RouteAIHandled, HandlerAI })
	s.Take(&policy)
	r.Ledger = "d/e/0/2"
	s.Take(&r)
	if got := s.List()[0]; got.Verdict != Broken || !strings.HasPrefix(got.First, "ledger d/e/0/2 ") {
		t.Errorf("%+v", got)
	}
	s = NewStatements()
	s.Take(&policy)
	r.Ledger = "d/e/1/1"
	if s.Take(&r); s.List()[0].Verdict != NotCheckable {
		t.Errorf("%+v", s.List()[0])
	}
}

func TestHumanOnly(t *testing.T) {
	var list bytes.Buffer
	for _, c := range []struct{ document, want string }{
		{"", "[]"},
		{"routes:\n", "[]"},
		{"routes:\n  human_only:\nversion: x\n", "[]"},
		{"routes:\n  human_only: []\n", "[]"},
		{plainDocument, "[dispute fraud_claim]"},
		{"routes:\n  human_only: [a,\n    b, # c\n    'c' ,\n  ]\n  ai_handles: [d]\n", "[a b c]"},
		{"routes:\n    human_only:\n      - a\n\n      - \"b\" # c\n", "[a b]"},
		{"other:\n  human_only: [a]\n", "[]"},
		{"version: \"routes:\"\nroutes:\n  human_only: [a]\n", "[a]"},
		{"routes: {human_only: [a]}\n", "line 1"},
		{"{routes: {human_only: [a]}}\n", "line 1"},
		{"version: |\n  x\nroutes:\n  human_only: [a]\n", "line 1"},
		{"version: \"a\n  b\"\n", "line 1"},
		{"version: a [ b\nroutes:\n  human_only: [a]\nx: ]\n", "line 1"},
		{"version: &x a\n", "line 1"},
		{"\"routes\":\n  human_only: [a]\n", "line 1"},
		{"routes:\n  human_only: *x\n", "line 2"},
		{"routes:\n  human_only: a\n", "line 2"},
		{"routes:\n  human_only: [A]\n", "line 2"},
		{"routes:\n  human_only: [null]\n", "line 2"},
		{"routes:\n  human_only: [a, [b]]\n", "line 2"},
		{"routes:\n  human_only: [a\n", "line 2"},
		{"routes:\n  human_only: [a]\n  human_only: [b]\n", "line 3"},
		{"routes:\nroutes:\n", "line 2"},
		{"routes:\n  human_only:\n    other: x\n", "line 3"},
		{"routes:\n  - a\n", "line 2"},
		{"routes:\n  human_only:\n- a\n", "line 3"},
		{"a\n...\n", "line 1"},
		{"# \u2028routes:\n", "byte 2"},
		{"a:\tb\n", "byte 2"},
	} {
		got, err := HumanOnly(c.document)
		if e := json.NewEncoder(&list).Encode(map[string]any{"document": c.document, "human_only": got, "plain": err == nil}); e != nil {
			t.Fatal(e)
		}
		if text := fmt.Sprint(got); err == nil && text != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %s %v, want %s", c.document, text, err, c.want)
		}
	}
	golden(t, "policies.jsonl", list.Bytes())
}
