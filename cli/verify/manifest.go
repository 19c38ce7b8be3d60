package verify

import (
	"errors"
	"fmt"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// checkManifest holds the manifest ledger against the ledgers: every leaf extends it, is signed by the key that signed the first
// partition's head, and has of each ledger its first checkpoint at or after the leaf's end. The first fault ends it.
func (v *run) checkManifest() error {
	if len(v.ledgers) == 0 || v.ledgers[0].chains == nil {
		return nil // nothing is signed yet
	}
	chain, err := record.NewManifest(record.ManifestName(record.Deployment(v.ledgers[0].newest().Ledger()), 1))
	if err != nil {
		return err
	}
	_, err = v.follow(stage.TopicPartition{Topic: pipelines.ConductManifest}, &v.manifest, func(in stage.Record) error {
		var m schemas.Manifest
		err := v.Codec.DecodeInto(in.Value, &m)
		if err == nil {
			err = v.checkLeaf(chain, &m)
		}
		if err != nil && !errors.Is(err, errEnough) {
			v.manifest.fault("%s/%d offset %d: %v", in.Topic, in.Partition, in.Offset, err)
			return errEnough
		}
		return err
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	v.manifest.Count, v.report.Manifest = chain.Size(), chain
	if due := v.dueLeaf(chain); due <= v.until && len(v.manifest.Faults) == 0 {
		v.manifest.pending("the leaf of %s", clock(due))
	}
	return nil
}

// checkLeaf takes the next leaf. Its error is what is wrong with it.
func (v *run) checkLeaf(chain *record.Manifest, m *schemas.Manifest) error {
	leaf, err := record.ParseManifestLeaf(m.Leaf)
	if err != nil {
		return err
	}
	if leaf.End > v.until { // the ledgers have gone on since they were read; or have they not?
		v.manifest.pending("leaf %d is of %s, the ledgers were complete up to %s when they were read", leaf.Sequence, clock(leaf.End), clock(v.until))
		return errEnough
	}
	if due := v.dueLeaf(chain); leaf.End != due {
		return fmt.Errorf("leaf %d is of %s, due is %s", leaf.Sequence, clock(leaf.End), clock(due))
	}
	if len(leaf.Heads) != len(v.ledgers) {
		return fmt.Errorf("leaf %d has %d partitions, there are %d ledgers", leaf.Sequence, len(leaf.Heads), len(v.ledgers))
	}
	if err := chain.Accept(m.Leaf); err != nil {
		return err
	}
	of := v.ledgers[0].generation(leaf.Heads[0].Ledger)
	if of < 0 {
		return fmt.Errorf("leaf %d names ledger %s, which partition 0 has not", leaf.Sequence, leaf.Heads[0].Ledger)
	}
	if _, err := chain.Verify([]byte(m.Note), v.ledgers[0].chains[of].Key(leaf.Heads[0].Size-1)); err != nil {
		return err
	}
	for p, h := range leaf.Heads {
		l := &v.ledgers[p]
		first, ok := l.passed(leaf.End)
		if !ok || h.Ledger != l.chains[first.of].Ledger() || h.Size != first.size || h.Root != first.root || h.Time > first.time {
			return fmt.Errorf("leaf %d names the head of ledger %s at %d records, complete up to %s, which is not its first checkpoint at or after %s",
				leaf.Sequence, h.Ledger, h.Size, clock(h.Time), clock(leaf.End))
		}
	}
	return nil
}

// dueLeaf is the end of the leaf that comes next.
func (v *run) dueLeaf(chain *record.Manifest) int64 {
	if chain.Size() > 0 {
		return chain.Due()
	}
	first := v.ledgers[0].began
	for i := range v.ledgers {
		first = min(first, v.ledgers[i].began)
	}
	return record.DueAfter(first)
}
