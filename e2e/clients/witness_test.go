package clients

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"os"
	"testing"

	cosigned "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/record-signer/sign"
)

// A witness of the transparency-dev project cosigns the manifest's checkpoint (cosignature/v1, type 0x04). Our verifier takes the note, the
// record-signer that finds it among the kept ones goes on from it and leaves it as it is, and the witness's verifier finds its signature.
func TestAWitnessCosignsTheManifest(t *testing.T) {
	private, public, err := note.GenerateKey(rand.Reader, "witness.example")
	check(t, err)
	witness, err := cosigned.NewSignerForCosignatureV1(private)
	check(t, err)
	vkey, err := cosigned.VKeyToCosignatureV1(public)
	check(t, err)
	theirs, err := cosigned.NewVerifierForCosignatureV1(vkey)
	check(t, err)
	cosign := func(text []byte, ours note.Verifier) []byte {
		n, err := note.Open(text, note.VerifierList(ours))
		check(t, err)
		out, err := note.Sign(n, witness)
		check(t, err)
		return out
	}
	seen := func(text []byte) {
		if n, err := note.Open(text, note.VerifierList(theirs)); err != nil || len(n.Sigs) != 1 {
			t.Errorf("the witness does not find its signature: %v", err)
		}
	}

	t.Run("offline", func(t *testing.T) {
		key := func(seed byte, name string) note.Verifier {
			s, err := record.NewSigner(name, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
			check(t, err)
			return s.Verifier()
		}
		text, err := os.ReadFile(vectors + "manifest/good.jsonl")
		check(t, err)
		lines := bytes.SplitAfter(bytes.TrimSpace(text), []byte("\n"))
		var last struct {
			Checkpoint string `json:"checkpoint"`
		}
		check(t, json.Unmarshal(lines[len(lines)-1], &last))
		note := cosign([]byte(last.Checkpoint), key(2, "casetrail-test-2"))
		seen(note)
		last.Checkpoint = string(note)
		lines[len(lines)-1], err = json.Marshal(last)
		check(t, err)
		m, err := record.ReadManifest(bytes.NewReader(bytes.Join(lines, nil)))
		check(t, err)
		audit := record.Audit{Trusted: key(1, "casetrail-test"), Manifest: m}
		for _, path := range []string{"golden.jsonl", "manifest/ledger-1.jsonl"} {
			f, err := os.Open(vectors + path)
			check(t, err)
			_, err = audit.Export(f, nil)
			f.Close()
			check(t, err)
		}
		if err := m.Finish(key(1, "casetrail-test")); err != nil {
			t.Error(err)
		}
	})

	t.Run("kept by the record-signer", func(t *testing.T) {
		codec := schemas.NewOfflineCodec(pipelines.Subjects(pipelines.RecordSigner)...)
		key, err := record.NewSigner("ledger", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
		check(t, err)
		store, err := sign.NewFiles(t.TempDir())
		check(t, err)
		log, name := memory.New(1, pipelines.ConductManifest), record.ManifestName("casetrail/test", 1)
		run := func(minutes ...int64) {
			for _, at := range minutes {
				cp, err := key.SignCheckpoint("casetrail/test/0/1", 0, new(record.Frontier).Root())
				check(t, err)
				log.Append(stage.Record{Topic: pipelines.ConductCheckpoints, Stage: pipelines.RecordSigner, Value: codec.Append(nil, pipelines.ConductCheckpoints,
					&schemas.Checkpoint{Ledger: cp.Ledger, Root: schemas.Hash(cp.Root), Time: at * 60_000, Note: string(cp.Note)})})
			}
			for range 2 { // what one run makes durable, the next one keeps
				s, err := memory.Start(log, sign.ManifestDefinition(codec, sign.Keys{key}, "casetrail/test", store), 0)
				check(t, err)
				check(t, s.Drain(10))
			}
		}
		run(1, 2, 3)
		kept, err := store.Load(name)
		check(t, err)
		both := cosign(kept, key.Verifier())
		check(t, store.Swap(name, kept, both))
		run()
		if kept, err = store.Load(name); err != nil || !bytes.Equal(kept, both) {
			t.Errorf("the cosigned checkpoint was not left as it is: %v\n%s", err, kept)
		}
		seen(kept)
		run(4, 5)
		if kept, err = store.Load(name); err != nil || bytes.Equal(kept, both) {
			t.Errorf("the manifest does not go on from it: %v", err)
		}
	})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
