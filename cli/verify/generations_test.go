package verify

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// series is a log of one partition: generations of a ledger, each with a rotation in it, and the checkpoints over them.
type series struct {
	t      testing.TB
	keys   []*record.Signer // the n-th signs from the n-th generation's rotation on
	bodies [][]byte
	points []schemas.Checkpoint
	names  []string
}

const each = 6 // records of a generation: genesis, four erasures, a rotation among them, and the seal

// newSeries makes generations; lie changes a record before it is signed, and with which key.
func newSeries(t testing.TB, generations int, lie func(*record.Record) *record.Signer) *series {
	s := &series{t: t}
	for i := range generations + 1 {
		s.keys = append(s.keys, must1(record.NewSigner(fmt.Sprintf("ledger-%d", i), ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, ed25519.SeedSize)))))
	}
	var last record.Hash
	var offset, time, erased int64
	for g := range generations {
		name, key := fmt.Sprintf("%s/0/%d", prefixName, g+1), s.keys[g]
		var tree record.Frontier
		for n := range int64(each) {
			offset++
			r := record.Record{PreviousHash: last, Ledger: name, Sequence: n, Source: record.Source{Offset: offset}, Kind: record.KindErasure, Erasure: record.Erasure{ErasedAt: offset}}
			switch n {
			case 0:
				r.Kind, r.Source = record.KindGenesis, record.GenesisSource
			case 2:
				r.Kind, r.Rotation = record.KindKeyRotation, record.Rotation{PublicKey: s.keys[g+1].VerifierKey(), FromSequence: n + 1}
			case each - 1:
				r.Kind = record.KindSeal
			}
			if r.Kind == record.KindErasure {
				erased = offset
			}
			signs := key
			if other := lie(&r); other != nil {
				signs = other
			}
			body := must1(signs.SignPayload(nil, r.Append(nil)))
			last = record.LeafHash(body)
			tree.Append(last)
			s.bodies = append(s.bodies, body)
			if n != 1 && n != 4 {
				cp := must1(key.SignCheckpoint(name, tree.Size(), tree.Root()))
				time += 1000
				s.points = append(s.points, schemas.Checkpoint{Ledger: name, Size: cp.Size, Root: schemas.Hash(cp.Root), Time: time, ErasedAt: erased, Note: string(cp.Note)})
			}
			if n == 2 {
				key = s.keys[g+1]
			}
		}
		s.names = append(s.names, name)
	}
	return s
}

func honest(*record.Record) *record.Signer { return nil }

// of are the places of a generation's records, counted from 1.
func (s *series) of(g int) (from, to int) { return each * (g - 1), each * g }

func (s *series) Partitions(context.Context, string) (int32, error) { return 1, nil }

// Read implements Topics.
func (s *series) Read(_ context.Context, tp stage.TopicPartition, fn func(stage.Record) error) (int64, error) {
	var values [][]byte
	switch tp.Topic {
	case pipelines.ConductRecords:
		for _, b := range s.bodies {
			values = append(values, append(make([]byte, frame), b...))
		}
	case pipelines.ConductCheckpoints:
		for i := range s.points {
			values = append(values, codec.Append(nil, tp.Topic, &s.points[i]))
		}
	}
	for i, v := range values {
		if err := fn(stage.Record{Topic: tp.Topic, Partition: tp.Partition, Offset: int64(i), Value: v}); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// Ledgers implements Table: sorted as ClickHouse sorts.
func (s *series) Ledgers(context.Context) ([]string, error) {
	names := map[string]bool{}
	for _, b := range s.bodies {
		names[must1(record.Decode(b)).Ledger] = true
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// Checkpoints implements Table.
func (s *series) Checkpoints(_ context.Context, ledger string, fn func(record.Checkpoint) error) error {
	for _, p := range s.points {
		if p.Ledger == ledger {
			if err := fn(record.Checkpoint{Ledger: ledger, Size: p.Size, Root: record.Hash(p.Root), Note: []byte(p.Note)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Records implements Table.
func (s *series) Records(_ context.Context, ledger string, fn func(int64, []byte) bool) error {
	for _, b := range s.bodies {
		if r := must1(record.Decode(b)); r.Ledger == ledger && !fn(r.Sequence, b) {
			break
		}
	}
	return nil
}

// export writes an export of every generation, in folders whose names sort otherwise than they follow.
func (s *series) export() string {
	dir := s.t.TempDir()
	names, _ := s.Ledgers(s.t.Context())
	for _, name := range names {
		folder := filepath.Join(dir, "ledger-0-"+name[strings.LastIndexByte(name, '/')+1:])
		check(s.t, os.Mkdir(folder, 0o700))
		f := must1(os.Create(filepath.Join(folder, recordsFile)))
		e := must1(record.NewExportWriter(f, name, ""))
		check(s.t, s.Checkpoints(s.t.Context(), name, func(c record.Checkpoint) error { return e.Checkpoint(c.Note) }))
		check(s.t, s.Records(s.t.Context(), name, func(n int64, body []byte) bool { check(s.t, e.Record(n, body)); return true }))
		check(s.t, errors.Join(e.Flush(), f.Close()))
	}
	return dir
}

// first is the first thing that is wrong with the ledgers by each reader: from topics, from a table, and from exports.
func (s *series) first(revoked ...record.Revocation) (kafka *Report, faults [3]string) {
	kafka, err := Run(s.t.Context(), Options{Topics: s, Codec: codec, Trusted: s.keys[0].Verifier(), Revoked: revoked, Rows: seriesRows{s: s}})
	check(s.t, err)
	for _, c := range kafka.Checks {
		if strings.HasPrefix(c.Name, "I2") && len(c.Faults) > 0 {
			faults[0] = c.Faults[0]
		}
	}
	alone := Alone{Trusted: s.keys[0].Verifier(), Revoked: revoked, Progress: func(int64) {}}
	_, rows := alone.Table(s.t.Context(), s)
	_, _, file := alone.Exports([]string{s.export()})
	for i, err := range []error{rows, file} {
		if err != nil {
			faults[i+1] = err.Error()
		}
	}
	return kafka, faults
}

// seriesRows is ClickHouse with all of it, or without a record.
type seriesRows struct {
	Rows
	s    *series
	lost string // of this ledger
}

func (r seriesRows) Heads(context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	for _, p := range r.s.points {
		out[p.Ledger] = max(out[p.Ledger], p.Size)
	}
	return out, nil
}

func (r seriesRows) Bodies(ctx context.Context, _ int32, ledger string, size int64, fn func(int64, []byte) error) (err error) {
	seen := map[int64]bool{} // it drops copies
	return errors.Join(r.s.Records(ctx, ledger, func(n int64, body []byte) bool {
		if n < size && !seen[n] && (ledger != r.lost || n != 2) {
			err = fn(n, body)
		}
		seen[n] = true
		return err == nil
	}), err)
}

// Generations in order have one root, that of the newest, wherever they are read from; those that ended are named.
func TestSoundGenerations(t *testing.T) {
	const generations = 12 // ledger-0-10 sorts before ledger-0-2
	s := newSeries(t, generations, honest)
	kafka, faults := s.first()
	if err := kafka.Err(); err != nil || faults != [3]string{} || kafka.Records != each*generations || kafka.Partitions != 1 || len(kafka.Sealed) != generations {
		t.Fatalf("%v %q %+v", err, faults, kafka)
	}
	alone := Alone{Trusted: s.keys[0].Verifier(), Progress: func(int64) {}}
	rows, err := alone.Table(t.Context(), s)
	check(t, err)
	files, _, err := alone.Exports([]string{s.export()})
	check(t, err)
	for from, audit := range map[string]*record.Audit{"ClickHouse": rows, "exports": files} {
		if heads := audit.Heads(); len(heads) != 1 || heads[0] != kafka.Sealed[generations-1] || record.CombinedRoot(heads) != kafka.Root {
			t.Errorf("%s: %+v, want %+v", from, heads, kafka.Sealed[generations-1])
		}
		for i, r := range audit.Reports() {
			if want := kafka.Sealed[i]; r.Ledger != want.Ledger || r.Root != want.Root || r.Covered != each {
				t.Errorf("%s: %v, want %+v", from, r, want)
			}
		}
	}
	// ClickHouse lacks a record of an older generation.
	r, err := Run(t.Context(), Options{Topics: s, Codec: codec, Trusted: s.keys[0].Verifier(), Rows: seriesRows{s: s, lost: s.names[1]}})
	check(t, err)
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "ledger "+s.names[1]+": sequence 3 where 2 is due") {
		t.Error(err)
	}
}

// A seal may be the end, and a signer may have died behind it: at the checkpoint over it, or at the next genesis record.
func TestASealMayBeTheEnd(t *testing.T) {
	for name, cut := range map[string]func(*series){
		"after the seal":           func(s *series) { s.bodies, s.points = s.bodies[:each], s.points[:3] },
		"after its checkpoint":     func(s *series) { s.bodies, s.points = s.bodies[:each], s.points[:4] },
		"after the next genesis":   func(s *series) { s.bodies, s.points = s.bodies[:each+1], s.points[:4] },
		"copies of the generation": func(s *series) { s.bodies = append(s.bodies, s.bodies[:each+2]...) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSeries(t, 2, honest)
			cut(s)
			kafka, faults := s.first()
			if err := kafka.Err(); err != nil || faults != [3]string{} {
				t.Errorf("%v %q", err, faults)
			}
		})
	}
}

// Whatever is done to the link between generations, every reader names the same record and field.
func TestTamperedGenerations(t *testing.T) {
	stranger := must1(record.NewSigner("ledger-1", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{99}, ed25519.SeedSize))))
	drop := func(s *series, g int) {
		from, to := s.of(g)
		s.bodies = slices.Delete(s.bodies, from, to)
		s.points = slices.DeleteFunc(s.points, func(p schemas.Checkpoint) bool { return p.Ledger == s.names[g-1] })
	}
	genesis2 := func(r *record.Record) bool { return r.Kind == record.KindGenesis && strings.HasSuffix(r.Ledger, "/2") }
	type lie = func(*record.Record) *record.Signer
	for _, c := range []struct {
		name   string
		lie    lie
		tamper func(*series)
		says   string // ledger, sequence, field and reason
		kafka  bool   // of topics alone: the others have no order between ledgers, or no checkpoints of several
	}{
		{"a generation left out", honest, func(s *series) { drop(s, 2) }, "/0/2 sequence 0 field ledger: other_ledger", false},
		{"two left out", honest, func(s *series) { drop(s, 3); drop(s, 2) }, "/0/2 sequence 0 field ledger: other_ledger", false},
		{"a genesis record with another hash", func(r *record.Record) *record.Signer {
			if genesis2(r) {
				r.PreviousHash[0] ^= 1
			}
			return nil
		}, nil, "/0/2 sequence 0 field previous_record_hash: broken_chain", false},
		{"a genesis record that begins anew", func(r *record.Record) *record.Signer {
			if genesis2(r) {
				r.PreviousHash = record.Hash{}
			}
			return nil
		}, nil, "/0/2 sequence 0 field previous_record_hash: broken_chain", false},
		{"another key at the genesis record", func(r *record.Record) *record.Signer {
			if genesis2(r) {
				return stranger
			}
			return nil
		}, nil, "/0/2 sequence 0 field key_id: unknown_key", false},
		{"a source from before the seal", func(r *record.Record) *record.Signer {
			if strings.HasSuffix(r.Ledger, "/2") && r.Sequence == 1 {
				r.Source = record.Source{Offset: 3}
			}
			return nil
		}, nil, "/0/2 sequence 1 field source: source_not_above", false},
		{"a record after a seal", honest, func(s *series) {
			r := record.Record{PreviousHash: record.LeafHash(s.bodies[each-1]), Ledger: s.names[0], Sequence: each, Source: record.Source{Offset: 1000}, Kind: record.KindErasure}
			s.bodies = slices.Insert(s.bodies, each, must1(s.keys[1].SignPayload(nil, r.Append(nil))))
		}, "/0/1 sequence 6 field kind: wrong_kind", false},
		{"a record of an ended generation later on", honest, func(s *series) {
			r := record.Record{PreviousHash: record.LeafHash(s.bodies[each-1]), Ledger: s.names[0], Sequence: each, Source: record.Source{Offset: 1000}, Kind: record.KindErasure}
			s.bodies = append(s.bodies, must1(s.keys[1].SignPayload(nil, r.Append(nil))))
		}, "/0/1 sequence 6 field kind: wrong_kind", false},
		{"no seal", honest, func(s *series) {
			s.bodies = slices.Delete(s.bodies, each-1, each)
			s.points = slices.Delete(s.points, 3, 4)
		}, "/0/1 sequence 5 field ledger: other_ledger", false},
		{"a second genesis record", honest, func(s *series) {
			r := record.Record{PreviousHash: record.Hash{7}, Ledger: s.names[1], Kind: record.KindGenesis, Source: record.GenesisSource}
			s.bodies = slices.Insert(s.bodies, each+3, must1(s.keys[1].SignPayload(nil, r.Append(nil))))
		}, "/0/2 sequence 0 field sequence: equivocation", false},
		{"another order", honest, func(s *series) {
			from, to := s.of(2)
			second := slices.Clone(s.bodies[from:to])
			s.bodies = append(slices.Delete(s.bodies, from, to), second...)
		}, "/0/2 sequence 0 field ledger: other_ledger", true},
		{"no checkpoint over the seal", honest, func(s *series) { s.points = slices.Delete(s.points, 3, 4) }, "/0/1 sequence 5: it is sealed, but no checkpoint covers that", true},
		{"a checkpoint that comes back", honest, func(s *series) {
			again := s.points[3]
			again.Time = s.points[4].Time
			s.points = slices.Insert(s.points, 5, again)
		}, "/0/1 comes after", true},
		{"a checkpoint beyond the seal", honest, func(s *series) {
			cp := must1(s.keys[1].SignCheckpoint(s.names[0], each+1, record.Hash{1}))
			s.points = slices.Insert(s.points, 4, schemas.Checkpoint{Ledger: s.names[0], Size: cp.Size, Root: schemas.Hash(cp.Root), Time: 4000, Note: string(cp.Note)})
		}, "/0/1: a checkpoint promises 7 records; it was sealed at 6", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSeries(t, 4, c.lie)
			if c.tamper != nil {
				c.tamper(s)
			}
			_, faults := s.first()
			for i, from := range []string{"topics", "ClickHouse", "exports"} {
				if !strings.Contains(faults[i], prefixName+c.says) && (i == 0 || !c.kafka) {
					t.Errorf("from %s: no word of %q in %q", from, c.says, faults[i])
				}
			}
		})
	}
}

// A revoked key stands for what it signed in generations that were sealed, and in the one in which it was replaced, up to there.
func TestRevokedInALaterGeneration(t *testing.T) {
	s := newSeries(t, 3, honest)
	head := func(g int, n int64) record.Head {
		var tree record.Frontier
		from, _ := s.of(g)
		for _, b := range s.bodies[from : from+int(n)] {
			tree.Append(record.LeafHash(b))
		}
		return record.Head{Ledger: s.names[g-1], Size: n, Root: tree.Root()}
	}
	revoke := func(heads ...record.Head) record.Revocation { // the second key, which signed from the first generation's fourth record to the second's third
		return must1(record.OpenRevocation(must1(s.keys[2].SignRevocation(s.keys[1].VerifierKey(), "stolen", heads))))
	}
	sealed, replaced := head(1, each), head(2, 3)
	for name, c := range map[string]struct {
		record.Revocation
		says string
	}{
		"in both":                              {revoke(sealed, replaced), ""},
		"as if it had not signed in the first": {revoke(replaced), "/0/1 sequence 3 field key_id: revoked"},
		"as if the first had another end":      {revoke(record.Head{Ledger: sealed.Ledger, Size: each, Root: record.Hash{1}}, replaced), "/0/1 sequence 5 field checkpoint.root: revoked"},
		"in the first alone":                   {revoke(sealed), "/0/2 sequence 0 field key_id: revoked"},
		"where it was not replaced":            {revoke(head(1, 4), replaced), "/0/1 sequence 3 field checkpoint.root: revoked"},
	} {
		t.Run(name, func(t *testing.T) {
			_, faults := s.first(c.Revocation)
			for _, f := range faults {
				if (c.says == "") != (f == "") || !strings.Contains(f, c.says) {
					t.Errorf("want %q, got %q", c.says, faults)
				}
			}
		})
	}
}
