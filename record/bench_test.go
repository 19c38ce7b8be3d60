package record

import "testing"

const benchLedger = 1000

func BenchmarkSign(b *testing.B) {
	s := testSigner(b, "casetrail-test", 1)
	r := someCase("case-1")
	r.Ledger = testLedger
	var payload, body []byte
	b.ReportAllocs()
	for b.Loop() {
		payload = r.Append(payload[:0])
		body, _ = s.SignPayload(body[:0], payload)
	}
}

func benchChain(b *testing.B, accept func(*Chain, []byte) (*Signed, error)) {
	l := plain(b, benchLedger-1)
	c := l.reader()
	start, n := c.Snapshot(), 0
	b.ReportAllocs()
	for b.Loop() {
		if n == benchLedger {
			c.Restore(start)
			n = 0
		}
		if _, err := accept(c, l.bodies[n]); err != nil {
			b.Fatal(err)
		}
		n++
	}
}

func BenchmarkAccept(b *testing.B)           { benchChain(b, (*Chain).Accept) }
func BenchmarkAcceptUnverified(b *testing.B) { benchChain(b, (*Chain).AcceptUnverified) }

func BenchmarkDecode(b *testing.B) {
	body := plain(b, 1).bodies[1]
	var s Signed
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTree(b *testing.B) {
	var f Frontier
	leaf := LeafHash([]byte("x"))
	for b.Loop() {
		f.Append(leaf)
	}
}

func BenchmarkCheckpoint(b *testing.B) {
	s := testSigner(b, "casetrail-test", 1)
	v := s.Verifier()
	cp, _ := s.SignCheckpoint(testLedger, 1000, Hash{1})
	b.Run("sign", func(b *testing.B) {
		for b.Loop() {
			_, _ = s.SignCheckpoint(testLedger, 1000, Hash{1})
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			_, _ = OpenCheckpoint(cp.Note, v)
		}
	})
}
