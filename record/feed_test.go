package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// long is a ledger of many batches, with a rotation in it.
func long(t testing.TB, n int) *builder {
	b := plain(t, n/2)
	next := testSigner(t, "casetrail-test-2", 2)
	b.add(Record{Kind: KindKeyRotation, Rotation: Rotation{next.VerifierKey(), b.chain.Size() + 1}})
	b.signer = next
	for range n / 2 {
		b.add(someCase("later"))
	}
	b.mark()
	return b
}

// tampers are what can be done to the record at a place.
var tampers = map[string]func(r *rand.Rand, b *builder, x [][]byte, at int) [][]byte{
	"a flipped byte": func(r *rand.Rand, _ *builder, x [][]byte, at int) [][]byte {
		x[at] = bytes.Clone(x[at])
		x[at][r.IntN(len(x[at]))] ^= 1 << r.IntN(8)
		return x
	},
	"a flipped byte of the signature": func(r *rand.Rand, _ *builder, x [][]byte, at int) [][]byte {
		x[at] = bytes.Clone(x[at])
		x[at][len(x[at])-1-r.IntN(64)] ^= 1
		return x
	},
	"cut":       func(_ *rand.Rand, _ *builder, x [][]byte, at int) [][]byte { x[at] = x[at][:len(x[at])-1]; return x },
	"dropped":   func(_ *rand.Rand, _ *builder, x [][]byte, at int) [][]byte { return slices.Delete(x, at, at+1) },
	"duplicate": func(_ *rand.Rand, _ *builder, x [][]byte, at int) [][]byte { return slices.Insert(x, at, x[at]) },
	"swapped": func(_ *rand.Rand, _ *builder, x [][]byte, at int) [][]byte {
		x[at], x[at+1] = x[at+1], x[at]
		return x
	},
	"signed by the key before or after": func(_ *rand.Rand, b *builder, x [][]byte, at int) [][]byte {
		s, _ := Decode(x[at])
		other := testSigner(b.t, "casetrail-test", 1)
		if s.keyID() == other.KeyHash() {
			other = testSigner(b.t, "casetrail-test-2", 2)
		}
		x[at], _ = other.SignPayload(nil, s.Append(nil))
		return x
	},
	"two stories": func(_ *rand.Rand, b *builder, x [][]byte, at int) [][]byte {
		s, _ := Decode(x[at])
		s.Source.Ordinal++
		signer := testSigner(b.t, "casetrail-test", 1)
		if s.keyID() != signer.KeyHash() {
			signer = testSigner(b.t, "casetrail-test-2", 2)
		}
		second, _ := signer.SignPayload(nil, s.Append(nil))
		return slices.Insert(x, at+1, second)
	},
}

// onCores runs fn with so many cores.
func onCores(n int, fn func()) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
	fn()
}

// Whatever is wrong, in however many places, the first fault is the one that reading a record after the other finds, on however
// many cores; a slow signature is no reason to name a later fault.
func TestVectorsOnManyCores(t *testing.T) {
	const size = 300
	b := long(t, size)
	trusted := testSigner(t, "casetrail-test", 1).Verifier()
	r := rand.New(rand.NewPCG(3, 7))
	for name, tamper := range tampers {
		t.Run(name, func(t *testing.T) {
			for range 3 {
				bodies, first := slices.Clone(b.bodies), r.IntN(size-60)
				bodies = tamper(r, b, bodies, first)
				for range r.IntN(3) { // more of it, later
					bodies = tamper(r, b, bodies, first+1+r.IntN(50))
				}
				want := inTurn(t, trusted, bodies, b.marks[size+2])
				for _, cores := range []int{1, 3} {
					onCores(cores, func() {
						v, _ := NewVerifier(testLedger, trusted)
						f := v.Feed(false, nil)
						for i := 0; i < len(bodies) && f.Record(claimed(bodies[i]), bodies[i]); i++ {
						}
						f.Checkpoint(b.marks[size+2])
						if _, err := f.Finish(); !same(err, want) {
							t.Errorf("on %d cores: %v\n1 by 1: %v", cores, err, want)
						}
						if _, _, err := VerifyExport(bytes.NewReader(lines(t, bodies, b.marks[size+2])), trusted, nil); !same(err, want) {
							t.Errorf("an export on %d cores: %v\n1 by 1: %v", cores, err, want)
						}
					})
				}
			}
		})
	}
}

// inTurn is the first fault that a Verifier finds one record after the other.
func inTurn(t *testing.T, trusted note.Verifier, bodies [][]byte, mark []byte) error {
	t.Helper()
	v, err := NewVerifier(testLedger, trusted)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range bodies {
		if err := v.Record(body); err != nil {
			return err
		}
	}
	if err := v.Checkpoint(mark); err != nil {
		return err
	}
	_, err = v.Finish()
	return err
}

func same(a, b error) bool {
	var f, g *Fault
	if errors.As(a, &f) && errors.As(b, &g) {
		return *f == *g
	}
	return a == nil && b == nil
}

// claimed is the sequence that a body says it has.
func claimed(body []byte) int64 {
	s, _ := Decode(body)
	return s.Sequence
}

func lines(t *testing.T, bodies [][]byte, mark []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewExportWriter(&out, testLedger, "")
	for _, body := range bodies {
		err = errors.Join(err, w.Record(claimed(body), body))
	}
	if err = errors.Join(err, w.Checkpoint(mark), w.Flush()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Without the signatures, what is not signed still has to be what a checkpoint's signer has committed to.
func TestVectorsUnsigned(t *testing.T) {
	b := long(t, 300)
	trusted := testSigner(t, "casetrail-test", 1).Verifier()
	check := func(bodies [][]byte) (Report, error) {
		r, _, err := VerifyExportUnsigned(bytes.NewReader(lines(t, bodies, b.marks[302])), trusted, nil)
		return r, err
	}
	if r, err := check(b.bodies); err != nil || r.Records != 302 || r.Covered != 302 || r.Root != b.chain.Root() {
		t.Errorf("%+v %v", r, err)
	}
	bad := slices.Clone(b.bodies)
	bad[200] = bytes.Clone(bad[200])
	bad[200][len(bad[200])-1] ^= 1
	if _, err := check(bad); err == nil || err.(*Fault).Sequence != 201 || err.(*Fault).Reason != BrokenChain {
		t.Errorf("a signature altered: %v; the next record names the hash of what it was in", err)
	}
	last := bytes.Clone(b.bodies[301])
	last[len(last)-1] ^= 1
	if _, err := check(append(slices.Clone(b.bodies[:301]), last)); err == nil || err.(*Fault).Reason != RootMismatch {
		t.Errorf("the last signature altered: %v", err)
	}
	at := 151 // the rotation: who may sign is never taken on trust
	bad = slices.Clone(b.bodies)
	bad[at] = bytes.Clone(bad[at])
	bad[at][len(bad[at])-1] ^= 1
	if _, err := check(bad); err == nil || err.(*Fault).Sequence != int64(at) || err.(*Fault).Reason != BadSignature {
		t.Errorf("the rotation's signature altered: %v", err)
	}
}

// The short way to read a line and JSON's say the same.
func FuzzLine(f *testing.F) {
	for _, line := range []string{`{"sequence":0,"body":"AAAA"}`, `{"sequence":00,"body":"AAAA"}`, `{"sequence":-1,"body":""}`, `{"sequence":1,"body":"AA\/A"}`,
		`{"sequence":1,"body":"AAA=","checkpoint":"x"}`, "{\"sequence\":1,\"body\":\"AA\rAA\"}", `{"sequence":1,"body":"AAB="}`, `{"sequence":-0,"body":"AAB="}`, ``} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		quick := item{line: bytes.Clone(line), number: 1}
		if !quick.plain() {
			return
		}
		slow := item{line: line, number: 1}
		if slow.parse(); slow.err != nil || slow.note != nil || slow.sequence != quick.sequence || !bytes.Equal(slow.body, quick.body) {
			t.Fatalf("%q: %d %x, JSON says %d %x, %v", line, quick.sequence, quick.body, slow.sequence, slow.body, slow.err)
		}
	})
}

// What the writer writes is JSON as the encoder has it, and the short way reads it.
func TestLine(t *testing.T) {
	for i, body := range plain(t, 5).bodies {
		n := int64(i)
		want, err := json.Marshal(exportLine{Sequence: &n, Body: body})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		w, _ := NewExportWriter(&out, testLedger, "")
		if err := errors.Join(w.Record(n, body), w.Flush()); err != nil || !bytes.HasSuffix(out.Bytes(), append([]byte("\n"), append(want, '\n')...)) {
			t.Errorf("%s\nwant %s %v", out.Bytes(), want, err)
		}
		if it := (&item{line: want, number: 1}); !it.plain() || it.sequence != n || !bytes.Equal(it.body, body) {
			t.Errorf("%s is not read as it is", want)
		}
	}
}

func BenchmarkVerifyExport(b *testing.B) {
	const size = 20_000
	l := plain(b, size-1)
	var out bytes.Buffer
	w, _ := NewExportWriter(&out, testLedger, "")
	for i, body := range l.bodies {
		_ = w.Record(int64(i), body)
	}
	_ = errors.Join(w.Checkpoint(l.mark()), w.Flush())
	for name, verify := range map[string]func([]byte) error{
		"signatures": func(text []byte) error {
			_, _, err := VerifyExport(bytes.NewReader(text), l.signer.Verifier(), nil)
			return err
		},
		"chain and tree": func(text []byte) error {
			_, _, err := VerifyExportUnsigned(bytes.NewReader(text), l.signer.Verifier(), nil)
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := verify(out.Bytes()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
