// Package clients runs Kafka, Avro and ClickHouse clients that were not written for Casetrail, so that the suite can show
// that producers, alert consumers and analysts need nothing of ours.
//
// The programs are the *.py files beside this one. They run in a virtual environment that is made once per set of pinned
// requirements, and kept in the cache.
package clients

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

//go:embed *.py requirements.txt
var files embed.FS

// Python is a virtual environment with the clients in it.
type Python struct{ interpreter, scripts string }

// New returns the environment, and makes it where the cache has none. Where that can't be done the test is skipped, but
// never in CI.
func New(t testing.TB) *Python {
	t.Helper()
	interpreter, err := environment()
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED, foreign clients not tested: ", err)
	}
	p := &Python{interpreter: interpreter, scripts: t.TempDir()}
	if err := os.CopyFS(p.scripts, files); err != nil {
		t.Fatal(err)
	}
	return p
}

// Run runs one of the programs with stdin, and returns what it printed. A program that fails, fails the test.
func (p *Python) Run(t testing.TB, script string, stdin []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), p.interpreter, append([]string{filepath.Join(p.scripts, script)}, args...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", script, strings.Join(args, " "), err, stderr.Bytes())
	}
	return out
}

// Try runs one of the programs and returns all that it printed, and whether it went well.
func (p *Python) Try(t testing.TB, script string, args ...string) (out []byte, ok bool) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), p.interpreter, append([]string{filepath.Join(p.scripts, script)}, args...)...).CombinedOutput()
	return out, err == nil
}

// environment makes the virtual environment at most once per process, as several tests ask for it.
var environment = sync.OnceValues(func() (string, error) {
	base, err := exec.LookPath("python3")
	if err != nil {
		return "", fmt.Errorf("python3 is not installed: %w", err)
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	version, err := run(base, "-c", "import sys, venv; print(sys.version, sys.prefix)")
	if err != nil {
		return "", fmt.Errorf("python3 or its module venv does not work: %w", err)
	}
	pins, err := files.ReadFile("requirements.txt")
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(version, pins...))
	return build(base, filepath.Join(cache, "python-"+hex.EncodeToString(sum[:8])), pins)
})

// build makes the environment beside its place and moves it there when it is whole: test programs of other packages may
// do the same at the same time, and a build may be broken off.
func build(base, dir string, pins []byte) (string, error) {
	interpreter := filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(interpreter); err == nil {
		return interpreter, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	draft, err := os.MkdirTemp(filepath.Dir(dir), "python-draft-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(draft)
	if _, err := run(base, "-m", "venv", draft); err != nil {
		return "", fmt.Errorf("make a virtual environment: %w", err)
	}
	list := filepath.Join(draft, "requirements.txt")
	if err := os.WriteFile(list, pins, 0o600); err != nil {
		return "", err
	}
	_, err = run(filepath.Join(draft, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
		"--no-input", "--only-binary=:all:", "--require-hashes", "-r", list)
	if err != nil {
		return "", fmt.Errorf("install the clients with pip: %w", err)
	}
	if err := os.Rename(draft, dir); err != nil {
		if _, statErr := os.Stat(interpreter); statErr != nil {
			return "", err
		}
	}
	return interpreter, nil
}

func cacheDir() (string, error) {
	if dir := os.Getenv("CASETRAIL_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "casetrail"), err
}

func run(name string, args ...string) ([]byte, error) {
	out, err := exec.CommandContext(context.Background(), name, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return out, err
}
