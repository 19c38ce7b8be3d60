package verify

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
)

// Whatever is done to a record of the ledger, the first fault names ledger, sequence and reason.
func TestTamperedLedger(t *testing.T) {
	const n = 5
	stranger, err := record.NewSigner("ledger", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize)))
	check(t, err)
	resign := func(s *record.Signer, change func(*record.Record)) func(*stage.Record) {
		return func(r *stage.Record) {
			got, err := record.Decode(r.Value[frame:])
			check(t, err)
			change(&got.Record)
			body, err := s.SignPayload(nil, got.Append(nil))
			check(t, err)
			r.Value = append(r.Value[:frame:frame], body...)
		}
	}
	at := func(w *world, change func(*stage.Record)) {
		w.alters = func(r *stage.Record) {
			if r.Topic == pipelines.ConductRecords && r.Partition == 0 && r.Offset == n {
				change(r)
			}
		}
	}
	for _, c := range []struct {
		name     string
		sequence int
		says     string
		tamper   func(*world)
	}{
		{"a flipped byte of the signature", n, "field signature: bad_signature", func(w *world) { at(w, func(r *stage.Record) { r.Value[len(r.Value)-1] ^= 1 }) }},
		{"a flipped byte of the previous hash", n, "field previous_record_hash: broken_chain", func(w *world) { at(w, func(r *stage.Record) { r.Value[frame] ^= 1 }) }},
		{"a flipped byte of the key id", n, "field key_id: unknown_key", func(w *world) { at(w, func(r *stage.Record) { r.Value[len(r.Value)-65] ^= 1 }) }},
		{"another key", n, "field key_id: unknown_key", func(w *world) { at(w, resign(stranger, func(*record.Record) {})) }},
		{"another environment's record", n, "field ledger: other_ledger", func(w *world) {
			at(w, resign(w.key, func(r *record.Record) { r.Ledger = "casetrail/production/0/1" }))
		}},
		{"cut", n, "malformed", func(w *world) { at(w, func(r *stage.Record) { r.Value = r.Value[:len(r.Value)-1] }) }},
		{"dropped", n, "field sequence: gap", func(w *world) {
			w.hides = func(r stage.Record) bool {
				return r.Topic == pipelines.ConductRecords && r.Partition == 0 && r.Offset == n
			}
		}},
		{"swapped", n, "field sequence: gap", func(w *world) {
			all := w.Records(pipelines.ConductRecords, 0)
			w.alters = func(r *stage.Record) {
				if r.Topic == pipelines.ConductRecords && r.Partition == 0 && (r.Offset == n || r.Offset == n+1) {
					r.Value = bytes.Clone(all[2*n+1-r.Offset].Value)
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 11)
			w.random(600)
			w.flow()
			c.tamper(w)
			for _, got := range w.verify().Checks {
				if !strings.HasPrefix(got.Name, "I2") {
					continue
				}
				says := fmt.Sprintf("ledger %s/0/1 sequence %d ", prefixName, c.sequence)
				if len(got.Faults) == 0 || !strings.Contains(got.Faults[0], says) || !strings.Contains(got.Faults[0], c.says) {
					t.Errorf("no word of %q and %q first in %q", says, c.says, got.Faults)
				}
			}
		})
	}
}
