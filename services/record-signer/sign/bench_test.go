package sign

import (
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
)

// BenchmarkHandle is what one concluded case costs the signer.
func BenchmarkHandle(b *testing.B) {
	s, err := New(0, codec, Keys{testKey(b, 1)}, prefix, newStore())
	if err != nil {
		b.Fatal(err)
	}
	in := input(conclusion("case-1"), 0, 0)
	b.ReportAllocs()
	for b.Loop() {
		in.Position.Offset++
		in.Offset++
		if _, err := s.Handle(in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecover is a start on a log of some 6,000 records whose last checkpoint is old.
func BenchmarkRecover(b *testing.B) {
	l := history(b, 6000)
	s, err := memory.Start(l, Definition(codec, Keys{testKey(b, 1)}, prefix, newStore()), 0)
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Drain(1000); err != nil {
		b.Fatal(err)
	}
	l.Truncate(pipelines.ConductCheckpoints, 0, len(l.Records(pipelines.ConductCheckpoints, 0))/2)
	for b.Loop() {
		if _, err := memory.Start(l, Definition(codec, Keys{testKey(b, 1)}, prefix, newStore()), 0); err != nil {
			b.Fatal(err)
		}
	}
}
