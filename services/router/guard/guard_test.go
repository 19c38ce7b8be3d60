package guard

import (
	"errors"
	"os"
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

func TestTheShippedPolicyIsTheMission(t *testing.T) {
	p, err := Parse(shipped(t))
	if err != nil {
		t.Fatal(err)
	}
	for i, typ := range append(CaseTypes, Unknown, "new") {
		h, _ := p.Route(typ)
		if (h == schemas.HandlerAI) != (i < 4) || p.HumanOnly(typ) != (i >= 4 && i < 8) {
			t.Errorf("%s goes to %s", typ, h)
		}
	}
}

func TestABrokenPolicySaysEverythingThatIsWrong(t *testing.T) {
	_, err := Parse([]byte(`
version: ""
workflow: w
routes: {ai_handles: [refund_status, crypto_advice, unknown], human_only: [refund_status]}
tripwires: {negative_messages: -1, negative_sentiment: .nan, duration: -5m}
idle_close: 0s
`))
	if !errors.Is(err, ErrPolicy) {
		t.Fatal(err)
	}
	for _, part := range []string{"version:", `unknown case type "crypto_advice"; known are refund_status`, `"unknown" always goes to a human`,
		`"refund_status" is listed twice`, "negative_messages: -1", "negative_sentiment: NaN", "duration: -5m0s", "idle_close: 0s"} {
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
				if h, _ := p.Route(typ); h != schemas.HandlerHuman {
					t.Errorf("%s is human_only and goes to %s", typ, h)
				}
			}
		}
	})
}
