package main

import "testing"

func TestGeneratedFilesAreFresh(t *testing.T) {
	if err := run("../..", true); err != nil {
		t.Fatal(err)
	}
}
