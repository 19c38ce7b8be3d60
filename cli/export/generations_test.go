package export

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/cli/verify"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// generations is a log with generations of a ledger, six records each: the genesis record, a case, a rotation, a case, an erasure and
// the seal. Each has its checkpoint over all of them.
func generations(t testing.TB, count int) (topics, Options) {
	t.Helper()
	key := func(i int) *record.Signer {
		return must(record.NewSigner(fmt.Sprint("ledger-", i), ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, ed25519.SeedSize))))
	}
	codec := schemas.NewOfflineCodec(pipelines.Subjects("")...)
	log := topics{}
	var last record.Hash
	offset := int64(0)
	for g := range count {
		name := fmt.Sprintf("casetrail/test/0/%d", g+1)
		var tree record.Frontier
		for n, kind := range []record.Kind{record.KindGenesis, record.KindCase, record.KindKeyRotation, record.KindCase, record.KindErasure, record.KindSeal} {
			offset++
			r := record.Record{PreviousHash: last, Ledger: name, Sequence: int64(n), Kind: kind, Source: record.Source{Offset: offset}}
			switch kind {
			case record.KindGenesis:
				r.Source = record.GenesisSource
			case record.KindCase:
				r.Case = record.Case{CaseID: fmt.Sprintf("case-%d", g), CaseType: "billing", Handler: record.HandlerAI, AIModelVersion: record.Some("m"), ConcludedAt: 1, AIMessages: 1}
			case record.KindKeyRotation:
				r.Rotation = record.Rotation{PublicKey: key(g + 1).VerifierKey(), FromSequence: 3}
			}
			signs := key(g)
			if n > 2 {
				signs = key(g + 1)
			}
			body := must(signs.SignPayload(make([]byte, frame), r.Append(nil)))
			last = record.LeafHash(body[frame:])
			tree.Append(last)
			log[pipelines.ConductRecords] = append(log[pipelines.ConductRecords], body)
			if n == 3 || n == 5 {
				cp := must(signs.SignCheckpoint(name, tree.Size(), tree.Root()))
				log[pipelines.ConductCheckpoints] = append(log[pipelines.ConductCheckpoints], codec.Append(nil, pipelines.ConductCheckpoints,
					&schemas.Checkpoint{Ledger: name, Size: cp.Size, Root: schemas.Hash(cp.Root), Time: offset, Note: string(cp.Note)}))
			}
		}
	}
	return log, Options{Topics: log, Codec: codec, VKey: key(0).VerifierKey()}
}

// Every generation is exported to a folder of its own, and they verify together in any order that a glob gives.
func TestEveryGenerationIsExported(t *testing.T) {
	const count = 11
	log, o := generations(t, count)
	log[pipelines.ConductRecords] = append(log[pipelines.ConductRecords], log[pipelines.ConductRecords][:8]...) // copies
	dir := filepath.Join(t.TempDir(), "out")
	got, _, err := Run(t.Context(), o, dir)
	if err != nil || len(got) != count || got[0].Folder != "ledger-0" || got[1].Folder != "ledger-0-2" || got[10].Folder != "ledger-0-11" {
		t.Fatal(got, err)
	}
	files := must(filepath.Glob(filepath.Join(dir, "ledger-*", recordsFile)))
	for _, paths := range [][]string{files, {dir}} {
		audit, _, err := verify.Alone{Trusted: must(note.NewVerifier(o.VKey)), Progress: func(int64) {}}.Exports(paths)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range audit.Reports() {
			if r.Ledger != got[i].Name || r.Root != got[i].Root || r.Covered != 6 {
				t.Errorf("%v, want %+v", r, got[i])
			}
		}
	}
}

// A case of any generation has its receipts, under the last checkpoint of that generation and the keys so far.
func TestReceiptsOfEveryGeneration(t *testing.T) {
	_, o := generations(t, 3)
	for g := range 3 {
		got, keys, err := Receipts(t.Context(), o, fmt.Sprintf("case-%d", g))
		if err != nil || len(got) != 2 {
			t.Fatal(got, err)
		}
		var trusted []note.Verifier
		for _, k := range keys {
			trusted = append(trusted, must(note.NewVerifier(k)))
		}
		for _, r := range got {
			if s, cp, err := record.VerifyReceipt(r.Text(), trusted...); err != nil || cp.Size != 6 || s.Ledger != fmt.Sprintf("casetrail/test/0/%d", g+1) {
				t.Error(s, cp, err)
			}
		}
	}
	if got, _, err := Erasures(t.Context(), o, record.Erasure{}); err != nil || len(got) != 3 {
		t.Error(got, err)
	}
}

// Generations that do not follow from each other are not exported.
func TestFaultyGenerationsAreNotExported(t *testing.T) {
	cut := func(l topics, from, to, cps, more int) {
		l[pipelines.ConductRecords] = append(l[pipelines.ConductRecords][:from:from], l[pipelines.ConductRecords][to:]...)
		l[pipelines.ConductCheckpoints] = append(l[pipelines.ConductCheckpoints][:cps:cps], l[pipelines.ConductCheckpoints][more:]...)
	}
	for name, c := range map[string]struct {
		alter func(topics)
		says  string
	}{
		"one left out":               {func(l topics) { cut(l, 6, 12, 2, 4) }, "ledger casetrail/test/0/2 sequence 0 field ledger: other_ledger"},
		"no seal":                    {func(l topics) { cut(l, 5, 6, 1, 2) }, "ledger casetrail/test/0/1 sequence 4 is under no checkpoint"},
		"no checkpoint over a seal":  {func(l topics) { cut(l, 0, 0, 1, 2) }, "ledger casetrail/test/0/1 sequence 4 is under no checkpoint, but later records are, of casetrail/test/0/2"},
		"the last one's end is lost": {func(l topics) { cut(l, 16, 18, 6, 6) }, "ledger casetrail/test/0/3 sequence 4 field checkpoint.size: missing"},
		"the last one is lost":       {func(l topics) { cut(l, 12, 18, 6, 6) }, "ledger casetrail/test/0/3 sequence 0 field checkpoint.size: missing"},
	} {
		t.Run(name, func(t *testing.T) {
			log, o := generations(t, 3)
			c.alter(log)
			if _, _, err := Run(t.Context(), o, filepath.Join(t.TempDir(), "out")); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want %s", err, c.says)
			}
		})
	}
}
