package verify

import (
	"cmp"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// checkManifest holds the manifest ledger against the ledgers: every leaf extends it, is signed by the key that signed the first partition's
// head, and has of each ledger its first checkpoint at or after the leaf's end.
func (v *run) checkManifest() error {
	var chain *record.Manifest
	_, err := v.follow(stage.TopicPartition{Topic: pipelines.ConductManifest}, &v.manifest, func(in stage.Record) error {
		bad := func(err error) error {
			v.manifest.fault("%s offset %d: %v", in.Topic, in.Offset, err)
			return nil
		}
		var m schemas.Manifest
		if err := v.Codec.DecodeInto(in.Value, &m); err != nil {
			return bad(err)
		}
		leaf, err := record.ParseManifestLeaf(m.Leaf)
		if err != nil {
			return bad(err)
		}
		if leaf.End > v.until { // the ledgers have gone on since they were read; or have they not?
			v.manifest.pending("leaf %d of %s is of %s, the ledgers were complete up to %s when they were read", leaf.Sequence, leaf.Manifest, clock(leaf.End), clock(v.until))
			return nil
		}
		if chain == nil {
			if chain, err = record.NewManifest(record.ManifestName(v.prefix(), 1)); err != nil {
				return bad(err)
			}
		}
		if err := chain.Accept(m.Leaf); err != nil {
			return bad(err)
		}
		if len(leaf.Heads) != len(v.ledgers) {
			v.manifest.fault("leaf %d of %s has %d partitions, there are %d ledgers", leaf.Sequence, leaf.Manifest, len(leaf.Heads), len(v.ledgers))
			return errEnough
		}
		if _, err := chain.Verify([]byte(m.Note), v.ledgers[0].key(leaf.Heads[0].Size-1, v.Trusted)); err != nil {
			return bad(err)
		}
		v.checkPromises(&leaf)
		v.manifest.Count++
		return nil
	})
	if chain != nil && chain.Size() > 0 {
		leaf := chain.Leaf()
		v.report.Manifest, v.report.Until = record.Head{Ledger: chain.Name(), Size: chain.Size(), Root: chain.Root()}, leaf.Until()
	}
	if due := v.due(chain); len(v.ledgers) > 0 && due <= v.until {
		v.manifest.pending("no leaf of the manifest for %s", clock(due))
	}
	return err
}

// due is the end of the leaf that comes after those that were read.
func (v *run) due(chain *record.Manifest) int64 {
	if chain != nil && chain.Size() > 0 {
		return chain.Due()
	}
	first := v.until
	for i := range v.ledgers {
		if h := v.ledgers[i].heads; len(h) > 0 {
			first = min(first, h[0].time)
		}
	}
	return record.DueAfter(first)
}

// checkPromises: the head of each ledger is its first checkpoint at or after the leaf's end, and promises no more than that.
func (v *run) checkPromises(leaf *record.ManifestLeaf) {
	for p, h := range leaf.Heads {
		l := &v.ledgers[p]
		i, _ := slices.BinarySearchFunc(l.heads, leaf.End, func(h head, end int64) int { return cmp.Compare(h.time, end) })
		if i == len(l.heads) || h.Ledger != l.name || h.Size != l.heads[i].size || h.Root != l.heads[i].root || h.Time > l.heads[i].time {
			v.manifest.fault("leaf %d of %s names the head of ledger %s at %d records, complete up to %s, which is not its first checkpoint at or after %s",
				leaf.Sequence, leaf.Manifest, h.Ledger, h.Size, clock(h.Time), clock(leaf.End))
		}
	}
}
