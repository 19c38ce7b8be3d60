package main

import (
	"fmt"
	"strings"

	"github.com/casetrail/casetrail/record"
)

// revocations are those that the caller knows of.
type revocations struct {
	all   []record.Revocation
	notes [][]byte
}

// readRevocations reads files, with commas between their names.
func readRevocations(files string) (r revocations, err error) {
	if files == "" {
		return r, nil
	}
	for _, path := range strings.Split(files, ",") {
		text, err := readSmall(path)
		if err != nil {
			return r, err
		}
		one, err := record.OpenRevocation(text)
		if err != nil {
			return r, fmt.Errorf("%s: %w", path, err)
		}
		r.all, r.notes = append(r.all, one), append(r.notes, text)
	}
	return r, nil
}

// judge refuses a checkpoint of a revoked key beyond its end.
func (r *revocations) judge(cp record.Checkpoint) error {
	for i := range r.all {
		if err := r.all[i].Judge(cp); err != nil {
			return err
		}
	}
	return nil
}
