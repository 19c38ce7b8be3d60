package record

import (
	"bytes"
	"testing"
)

func FuzzDecode(f *testing.F) {
	b := goldenLedger(f)
	for _, body := range b.bodies {
		f.Add(body)
	}
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 200))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := Decode(body)
		if err != nil {
			if fault, ok := err.(*Fault); !ok || fault.Field == "" || fault.Reason != Malformed {
				t.Fatalf("a fault that names no field: %v", err)
			}
			return
		}
		if !bytes.Equal(s.Append(nil), s.Payload) {
			t.Fatal("not canonical")
		}
		_ = CheckConduct(&s.Record)
	})
}

func FuzzCheckpoint(f *testing.F) {
	b := goldenLedger(f)
	for _, text := range b.marks {
		f.Add(text)
	}
	v := b.signer.Verifier()
	f.Fuzz(func(t *testing.T, text []byte) {
		if cp, err := ParseCheckpoint(text); err == nil && !bytes.HasPrefix(text, []byte(cp.Text())) {
			t.Fatalf("%q parses as %q", text, cp.Text())
		}
		if cp, err := OpenCheckpoint(text, v); err == nil && (cp.Ledger != testLedger || b.marks[int(cp.Size)] == nil) {
			t.Fatalf("%q opens, and nobody signed it", text)
		}
	})
}

func FuzzVerifyExport(f *testing.F) {
	b := goldenLedger(f)
	f.Add(export(f, b, b.bodies))
	f.Add(export(f, b, b.bodies[:2]))
	for _, bad := range badVectors(f) {
		f.Add(bad)
	}
	trusted := testSigner(f, "casetrail-test", 1).Verifier()
	f.Fuzz(func(t *testing.T, text []byte) {
		r, _, err := VerifyExport(bytes.NewReader(text), trusted, nil)
		if err != nil {
			if fault, ok := err.(*Fault); !ok || fault.Field == "" {
				t.Fatalf("a fault that names no field: %v", err)
			}
		} else if r.Records > int64(len(b.bodies)) {
			t.Fatalf("%d records verify, %d were signed", r.Records, len(b.bodies))
		}
	})
}
