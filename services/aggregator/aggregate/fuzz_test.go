package aggregate

import (
	"testing"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// FuzzHandle puts a hostile message amid a ledger: it is refused or changes nothing that makes the handler panic.
func FuzzHandle(f *testing.F) {
	b := newBook(f, 0)
	for m := range int64(3) {
		b.add(caseAt(start + m*minute))
		b.checkpoint(start + (m+1)*minute)
	}
	var in []stage.Record
	in = append(append(in, b.bodies...), b.checkpoints...)
	for i := range in {
		f.Add(uint8(i), in[i].Topic == in[0].Topic, in[i].Value)
	}
	f.Fuzz(func(t *testing.T, at uint8, isRecord bool, value []byte) {
		hostile := in[0]
		if !isRecord {
			hostile = in[len(in)-1]
		}
		hostile.Value = value
		h := newHandler(t, 1)
		for i := range in {
			if i == int(at)%len(in) {
				if _, err := h.Handle(hostile); err != nil {
					return
				}
			}
			if _, err := h.Handle(in[i]); err != nil {
				return
			}
		}
	})
}
