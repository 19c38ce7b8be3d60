// Package harness runs the whole of Casetrail as an operator would, every service a process of its own, on the embedded
// stack or on Apache Kafka; so that tests can kill, stop and freeze what they like, and see only what a user sees.
package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// The programs, by the folder of their main.
var programs = []string{"cli", "services/intake", "services/router", "services/record-signer", "services/aggregator", "services/clickhouse-sink", "record/cmd/verify"}

// Root is the repository's root.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// binaries are the programs of one build.
type binaries struct {
	sync.Once
	dir string
	err error
}

var shipped, injected binaries

// Binary is the path of a program, casetrail or a service. All are built once in the life of the test process; as
// Injected does it where the environment names a mutant or a crash point.
func Binary(t testing.TB, name string) string {
	t.Helper()
	if os.Getenv("CASETRAIL_MUTANT")+os.Getenv("CASETRAIL_CRASH") != "" {
		return Injected(t, name)
	}
	return shipped.path(t, name)
}

// Injected is the path of a program that is built so that faults can be put into it: see pipelines/inject.
func Injected(t testing.TB, name string) string {
	t.Helper()
	return injected.path(t, name, "-tags", "inject")
}

func (b *binaries) path(t testing.TB, name string, flags ...string) string {
	t.Helper()
	b.Do(func() { b.dir, b.err = build(flags...) })
	if b.err != nil {
		t.Fatal(b.err)
	}
	return filepath.Join(b.dir, name)
}

func build(flags ...string) (string, error) {
	dir, err := os.MkdirTemp("", "casetrail-bin-")
	if err != nil {
		return "", err
	}
	args := append([]string{"build", "-o", dir + string(filepath.Separator)}, flags...)
	for _, p := range programs {
		args = append(args, "./"+p)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = Root(), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("build: %w\n%s", err, out)
	}
	return dir, os.Rename(filepath.Join(dir, "cli"), filepath.Join(dir, "casetrail"))
}

// Clean deletes the programs. TestMain calls it at the end.
func Clean() {
	for _, b := range []*binaries{&shipped, &injected} {
		if b.dir != "" {
			_ = os.RemoveAll(b.dir) // a leftover in the temporary directory harms nobody
		}
	}
}
