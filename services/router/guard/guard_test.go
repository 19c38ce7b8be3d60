package guard

import (
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/schemas"
)

func shipped(t testing.TB) []byte {
	t.Helper()
	doc, err := os.ReadFile("../../../pipelines/policies/default.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// types are the shipped policy's, the AI's first.
var types = []string{"refund_status", "balance_inquiry", "shipment_tracking", "basic_transaction_query",
	"dispute", "fraud_claim", "hardship_request", "complex_multi_product"}

// TestAnotherCompanysTypes routes by a policy whose types nobody here has heard of.
func TestAnotherCompanysTypes(t *testing.T) {
	p, err := Parse([]byte(`
version: telecom-1
workflow: telecom
routes: {ai_handles: [top_up, data_balance_5g], human_only: [number_port_out, sim_swap]}
tripwires: {negative_messages: 2, negative_sentiment: -0.5, duration: 10m}
idle_close: 4h
amendments: 168h
`))
	if err != nil {
		t.Fatal(err)
	}
	for typ, want := range map[string]schemas.Handler{"top_up": schemas.HandlerAI, "data_balance_5g": schemas.HandlerAI,
		"sim_swap": schemas.HandlerHuman, "refund_status": schemas.HandlerHuman, Unknown: schemas.HandlerHuman} {
		if h, _ := p.Route(typ, schemas.Some(1.0)); h != want {
			t.Errorf("%s goes to %s", typ, h)
		}
	}
	for _, name := range []string{"", "all", "unknown", "human_only", "ai_handles", "5g", "a b", "a-b", "É", "TopUp", strings.Repeat("x", 65)} {
		if Named(name) {
			t.Errorf("%q can be a case type", name)
		}
	}
}

func TestTheShippedPolicyIsTheMission(t *testing.T) {
	p, err := Parse(shipped(t))
	if err != nil {
		t.Fatal(err)
	}
	for i, typ := range append(slices.Clone(types), Unknown, "new") {
		h, _ := p.Route(typ, schemas.Some(1.0))
		if (h == schemas.HandlerAI) != (i < 4) || p.HumanOnly(typ) != (i >= 4 && i < 8) {
			t.Errorf("%s goes to %s", typ, h)
		}
	}
}

func TestABrokenPolicySaysEverythingThatIsWrong(t *testing.T) {
	_, err := Parse([]byte(`
version: ""
workflow: w
routes: {ai_handles: [refund_status, Crypto-Advice, unknown], human_only: [refund_status]}
tripwires: {negative_messages: -1, negative_sentiment: .nan, duration: -5m, repeated_questions: 1}
idle_close: 0s
classification: {max_leak: 0, ai_threshold: 1.5, wait_for_content: 0}
`))
	if !errors.Is(err, ErrPolicy) {
		t.Fatal(err)
	}
	for _, part := range []string{"version:", `"Crypto-Advice" can't be a case type; use up to 64 lower-case letters`, `"unknown" always goes to a human`,
		`"refund_status" is listed twice`, "negative_messages: -1", "negative_sentiment: NaN", "duration: -5m0s", "idle_close: 0s",
		"repeated_questions: 1 is", "max_leak: 0 is", "ai_threshold: 1.5 is", "wait_for_content: 0 is"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("does not say %s:\n%v", part, err)
		}
	}
	for _, doc := range []string{"", "[", "rotes: {}", "version: a\n---\nversion: b", strings.Repeat("x", MaxDocument+1)} {
		if _, err := Parse([]byte(doc)); !errors.Is(err, ErrPolicy) {
			t.Errorf("%.20q: %v", doc, err)
		}
	}
}

// Certainty about the type can only take cases from the AI, never give it one.
func TestTheAIMustBeCertainEnough(t *testing.T) {
	p, err := Parse(shipped(t))
	if err != nil {
		t.Fatal(err)
	}
	at := p.Classification.AIThreshold
	for _, typ := range append(slices.Clone(types), Unknown, "new") {
		for _, c := range []struct {
			probability schemas.Optional[float64]
			certain     bool
		}{{schemas.Some(at), true}, {schemas.Some(1.0), true}, {schemas.Some(at - 1e-4), false}, {schemas.Some(0.0), false},
			{schemas.Some(math.NaN()), false}, {schemas.Some(-1.0), false}, {schemas.Optional[float64]{}, true}} {
			handler, reason := p.Route(typ, c.probability)
			if want := c.certain && slices.Contains(p.Routes.AIHandles, typ); (handler == schemas.HandlerAI) != want {
				t.Errorf("%s with %v goes to %s because of %s", typ, c.probability, handler, reason)
			}
			if slices.Contains(p.Routes.AIHandles, typ) && !c.certain && reason != schemas.RouteReasonNotCertainEnough {
				t.Errorf("%s with %v: %s", typ, c.probability, reason)
			}
		}
	}
}

// A policy that says nothing of classification, or not all, has the shipped values.
func TestAPolicyWithoutClassificationHasTheShippedValues(t *testing.T) {
	p, err := Parse(shipped(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Classification; got.MaxLeak != Shipped.MaxLeak || got.AIThreshold != Shipped.AIThreshold || got.WaitForContent != Shipped.WaitForContent {
		t.Errorf("the shipped policy says %+v, the code %+v", got, Shipped)
	}
	for doc, want := range map[string]Classification{
		"":                                      Shipped,
		"classification: {wait_for_content: 1}": {Shipped.MaxLeak, Shipped.AIThreshold, Shipped.Classifier, 1},
		"classification: {max_leak: 0.01, ai_threshold: 0.9, classifier: c-1, wait_for_content: 2}": {0.01, 0.9, "c-1", 2},
	} {
		p, err := Parse([]byte("version: a\nworkflow: w\nidle_close: 1h\nroutes: {human_only: [dispute]}\n" + doc))
		if err != nil || p.Classification != want {
			t.Errorf("%q: %+v, %v, want %+v", doc, p, err, want)
		}
	}
}

func TestOnlyTheOperatorsPolicyCounts(t *testing.T) {
	key := func() (note.Signer, note.Verifier) {
		s, v, err := note.GenerateKey(nil, "operator")
		if err != nil {
			t.Fatal(err)
		}
		signer, _ := note.NewSigner(s)
		verifier, _ := note.NewVerifier(v)
		return signer, verifier
	}
	signer, verifier := key()
	_, stranger := key()
	c, err := Sign(shipped(t), signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(c, verifier); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(c, stranger); !errors.Is(err, ErrPolicy) {
		t.Errorf("a stranger's key: %v", err)
	}
	altered := *c
	altered.Document = strings.Replace(c.Document, "dispute, ", "", 1)
	if _, err := Verify(&altered, verifier); !errors.Is(err, ErrPolicy) {
		t.Errorf("an altered document: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(shipped(f))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if p, err := Parse(doc); err == nil {
			for _, typ := range p.Routes.HumanOnly {
				if h, _ := p.Route(typ, schemas.Some(1.0)); h != schemas.HandlerHuman {
					t.Errorf("%s is human_only and goes to %s", typ, h)
				}
			}
		}
	})
}
