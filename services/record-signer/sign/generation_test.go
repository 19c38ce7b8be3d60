package sign

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// A signer that was away for longer than its input is kept goes on from wherever the log ends: before a seal, after it, after its
// checkpoint or genesis record. What it owes of the sealed ledger comes first, where it would have come.
func TestGoesOnWithoutItsInput(t *testing.T) {
	whole := history(t, 60)
	drain(t, whole, newStore(), 4)
	recs, cps, in := whole.Records(pipelines.ConductRecords, 0), whole.Records(pipelines.ConductCheckpoints, 0), whole.Records(pipelines.CaseConclusions, 0)
	for r := 2; r <= len(recs); r++ { // the first two come of one input
		end := recs[r-1].Position
		c := 0
		for c < len(cps) && !cps[c].Position.After(end) {
			c++
		}
		for behind := range min(4, c) {
			l := copyInput(whole)
			l.Append(recs[:r]...)
			l.Append(cps[:c-behind]...)
			l.Append(whole.Records(pipelines.ChatRejects, 0)...)
			gone := slices.IndexFunc(in, func(r stage.Record) bool { return r.Offset > end.Offset })
			if gone < 0 {
				gone = len(in)
			}
			l.Append(input(conclusion("a new one"), 1000, 0), input(at(1770000000000), 1001, 0))
			l.Expire(pipelines.CaseConclusions, 0, int64(gone))
			drain(t, l, newStore(), 4)
			if n := len(l.Records(pipelines.ConductRecords, 0)); n != len(recs)+1 {
				t.Fatalf("%d records and all but the last %d checkpoints were there: %d records, want %d", r, behind, n, len(recs)+1)
			}
			if got, want := untraced(outputs(l, pipelines.ConductRecords)[:len(recs)]), untraced(outputs(whole, pipelines.ConductRecords)); !slices.Equal(got, want) {
				t.Fatalf("%d records and all but the last %d checkpoints were there: the records differ", r, behind)
			}
			audit(t, l)
		}
	}
}

// untraced are outputs without the trace of the input at which they were written, which may be a later one.
func untraced(outputs []string) (out []string) {
	for _, o := range outputs {
		out = append(out, o[:strings.LastIndexByte(o, ' ')])
	}
	return out
}

// What was published last may be of a later ledger than Kafka still knows of: the first one, sealed and whole, is no place to go on
// from.
func TestALostGeneration(t *testing.T) {
	whole := history(t, 60)
	store := newStore()
	drain(t, whole, store, 4)
	drain(t, whole, store, 4) // keeps what the last step issued
	recs, cps, in := whole.Records(pipelines.ConductRecords, 0), whole.Records(pipelines.ConductCheckpoints, 0), whole.Records(pipelines.CaseConclusions, 0)
	first := func(all []stage.Record, ledger func(stage.Record) string) []stage.Record {
		n := slices.IndexFunc(all, func(r stage.Record) bool { return ledger(r) != Ledger(prefix, 0) })
		return all[:n]
	}
	recs = first(recs, func(r stage.Record) string {
		s, err := record.Decode(r.Value[5:])
		if err != nil {
			t.Fatal(err)
		}
		return s.Ledger
	})
	cps = first(cps, func(r stage.Record) string { return string(r.Key) })
	sealed := recs[len(recs)-1].Position.Offset
	lost := memory.New(1)
	lost.Append(in[:sealed+1]...)
	lost.Append(recs...)
	lost.Append(cps...)
	t.Run("with its input", func(t *testing.T) {
		failure(t, lost, store, ErrLost, "ledger casetrail/test/0/4: the checkpoint kept outside Kafka has")
	})
	t.Run("with another input", func(t *testing.T) {
		l := memory.New(1)
		l.Append(in[:sealed+1]...)
		l.Append(recs...)
		l.Append(cps...)
		for i := range int64(5) {
			l.Append(input(conclusion("somebody else"), 1000+i, 0))
		}
		l.Append(input(seal(2), 1010, 0), input(seal(3), 1011, 0), input(seal(4), 1012, 0))
		failure(t, l, store, ErrFork, "ledger casetrail/test/0/4: the checkpoint kept outside Kafka has")
	})
	t.Run("all of it is made again", func(t *testing.T) {
		l := copyInput(whole)
		l.Append(recs...)
		l.Append(cps...)
		l.Append(whole.Records(pipelines.ChatRejects, 0)...)
		drain(t, l, &memStore{kept: maps.Clone(store.kept)}, 4)
		if got, want := outputs(l, pipelines.ConductRecords), outputs(whole, pipelines.ConductRecords); !slices.Equal(got, want) {
			t.Error("the records differ")
		}
		audit(t, l)
	})
}

// The directory is asked for the newest of a partition's ledgers, by number: 10 is newer than 9, and what is not theirs is not looked at.
func TestNewest(t *testing.T) {
	dir := t.TempDir()
	store := files(t, dir)
	if ledger, err := store.Newest(prefix + "/0"); err != nil || ledger != "" {
		t.Fatalf("%q, %v", ledger, err)
	}
	for _, name := range []string{"0+1", "0+9", "0+10", "1+11", "0+11.checkpoint", "manifest+12", "0+013", "0+x", "0+0", "0"} {
		if err := os.WriteFile(filepath.Join(dir, "casetrail+test+"+name+".checkpoint"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for series, want := range map[string]string{"/0": "/0/10", "/1": "/1/11", "/2": "", "/manifest": "/manifest/12"} {
		if want != "" {
			want = prefix + want
		}
		if ledger, err := store.Newest(prefix + series); err != nil || ledger != want {
			t.Errorf("%s: %q, %v, want %q", series, ledger, err, want)
		}
	}
}

// The manifest goes on over a seal: it names the next ledger from the first minute on at whose end that has a checkpoint.
func TestTheManifestNamesTheNextGeneration(t *testing.T) {
	l := memory.New(1, pipelines.ConductManifest)
	now, o := int64(1760000000000), int64(0)
	for i := range 12 {
		l.Append(input(conclusion("a"), o, 0), input(at(now), o+1, 0))
		if i == 4 || i == 7 {
			l.Append(input(seal(int32(1+i/5)), o+2, 0))
		}
		now, o = now+40_000, o+10
	}
	store := newStore()
	drain(t, l, store, 4)
	for range 2 { // started again, it goes on
		m, err := memory.Start(l, ManifestDefinition(codec, Keys{testKey(t, 1)}, prefix, store), 0)
		if err == nil {
			err = m.Drain(3)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	chain, err := record.NewManifest(record.ManifestName(prefix, 1))
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, r := range l.Records(pipelines.ConductManifest, 0) {
		var x schemas.Manifest
		if err := codec.DecodeInto(r.Value, &x); err != nil {
			t.Fatal(err)
		}
		if err := chain.Accept(x.Leaf); err != nil {
			t.Fatal(err)
		}
		if head := chain.Leaf().Heads[0].Ledger; !slices.Contains(named, head) {
			named = append(named, head)
		}
	}
	if want := []string{prefix + "/0/1", prefix + "/0/2", prefix + "/0/3"}; !slices.Equal(named, want) {
		t.Errorf("it names %q, want %q", named, want)
	}
}

// What is in an earlier generation already is not recorded again, also by a signer that was started again when the next one had no more
// than its genesis record, which does not say how far the sources had come.
func TestSourcesGoOnOverASeal(t *testing.T) {
	l, store := memory.New(1), newStore()
	l.Append(input(conclusion("a"), 0, 0), input(at(1760000000000), 1, 0), input(seal(1), 2, 0), input(at(1760000020000), 3, 0))
	drain(t, l, store, 4)
	l.Append(input(conclusion("a"), 0, 0), input(at(1760000040000), 4, 0))
	drain(t, l, store, 4)
	if chain := audit(t, l); chain.Ledger() != prefix+"/0/2" || chain.Size() != 1 {
		t.Errorf("%d records of ledger %s, want its genesis record", chain.Size(), chain.Ledger())
	}
}
