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
var programs = []string{"cli", "services/intake", "services/router", "services/record-signer", "services/aggregator", "services/clickhouse-sink"}

// Root is the repository's root.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

var built struct {
	sync.Once
	dir string
	err error
}

// Binary is the path of a program, casetrail or a service. All are built once in the life of the test process.
func Binary(t testing.TB, name string) string {
	t.Helper()
	built.Do(func() { built.dir, built.err = build() })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, name)
}

func build() (string, error) {
	dir, err := os.MkdirTemp("", "casetrail-bin-")
	if err != nil {
		return "", err
	}
	args := []string{"build", "-o", dir + string(filepath.Separator)}
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
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // a leftover in the temporary directory harms nobody
	}
}
