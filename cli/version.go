package main

import (
	"fmt"
	"runtime/debug"

	"github.com/casetrail/casetrail/services/intake/classify"
)

type versionCommand struct{}

// Run prints the versions that records name.
func (versionCommand) Run() error {
	model, err := classify.Load()
	if err != nil {
		return err
	}
	commit := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	fmt.Printf("casetrail, commit %s\nclassifier %s\n", commit, model.Version())
	return nil
}
