package record

import (
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/note"
)

// Audit verifies the ledgers of a deployment one after another: partitions in any order, the generations of one from old to new (Sort). The
// oldest one that it is given stands by itself, and each later one goes on where the one before it was sealed: its genesis record names
// that seal, its first key is the one that signs then, its sources go on; so do the policies that its cases name and what the manifest has
// promised. A generation that is left out between two others is a fault. Not for concurrent use.
type Audit struct {
	Trusted  note.Verifier   // the ledgers' first key
	Unsigned bool            // leaves the records' signatures out, as VerifyExportUnsigned does
	Revoked  []Revocation    // of keys
	Manifest *ManifestExport // which the ledgers are held against; nil where there is none
	ends     map[string]*Verifier
	reports  []Report
}

// Begin gives the Verifier of the next ledger. When it finishes without a fault, the ledger is one of Reports. Errors are a *Fault, but for
// a ledger that was verified already.
func (a *Audit) Begin(ledger string) (v *Verifier, err error) {
	name, generation := Generation(ledger)
	before := a.ends[name]
	if before == nil {
		if v, err = NewVerifier(ledger, a.Trusted); err != nil {
			return nil, err
		}
		for _, r := range a.Revoked {
			v.Revoke(r)
		}
	} else if v, err = before.next(ledger, generation); err != nil {
		return nil, err
	}
	if a.Manifest != nil {
		if err := a.Manifest.hold(v); err != nil {
			return nil, err
		}
	}
	v.finished = append(v.finished, func(r Report) {
		if a.ends == nil {
			a.ends = map[string]*Verifier{}
		}
		a.ends[name] = v
		a.reports = append(a.reports, r)
	})
	return v, nil
}

// next begins with the generation after this one, whose report is in order.
func (v *Verifier) next(ledger string, generation int32) (*Verifier, error) {
	_, was := Generation(v.chain.ledger)
	if generation <= was {
		return nil, fmt.Errorf("ledger %s was in an earlier file already", ledger)
	}
	c, err := v.chain.Next()
	if err != nil {
		return nil, v.chain.fault(&Fault{Field: "ledger", Reason: OtherLedger, Detail: fmt.Sprintf("is %s, but this one is not sealed", ledger)})
	}
	if generation > was+1 {
		return nil, c.fault(&Fault{Field: "ledger", Reason: OtherLedger, Detail: fmt.Sprintf("is %s: this generation is left out", ledger)})
	}
	return &Verifier{chain: c, statements: v.statements.next(), until: v.until}, nil
}

// Export verifies one export. progress, if not nil, is called after every line. Errors are as those of Begin and of VerifyExport; one may
// say too that the file names another key than the one that is trusted.
func (a *Audit) Export(r io.Reader, progress func(records int64)) (Report, error) {
	var trusted note.Verifier
	report, vkey, err := verifyExport(r, a.Unsigned, progress, func(ledger string) (*Verifier, error) {
		v, err := a.Begin(ledger)
		if err == nil {
			trusted = v.chain.Key(0)
		}
		return v, err
	})
	if v, e := note.NewVerifier(vkey); err != nil && e == nil && trusted != nil && v.KeyHash() != trusted.KeyHash() {
		err = fmt.Errorf("%w (the file names the key %s, id %08x, which is not the one you trust)", err, v.Name(), v.KeyHash())
	}
	return report, err
}

// Reports are what was found in order, ledger by ledger.
func (a *Audit) Reports() []Report { return a.reports }

// Heads are the ledgers' sizes and roots, of each the newest generation alone: its genesis record commits to those before it.
func (a *Audit) Heads() (heads []Head) {
	for _, r := range a.reports {
		if name, _ := Generation(r.Ledger); a.ends[name].chain.ledger == r.Ledger {
			heads = append(heads, Head{r.Ledger, r.Records, r.Root})
		}
	}
	return heads
}

// Statements are what all records say of conduct.
func (a *Audit) Statements() []Statement {
	all := NewStatements()
	for _, r := range a.reports {
		all.Join(r.Statements)
	}
	return all.List()
}
