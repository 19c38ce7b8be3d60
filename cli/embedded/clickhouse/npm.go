package clickhouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// otherwise is what can be done where the library can't be had with npm.
const otherwise = "; or set " + LibraryVariable + " to a libchdb.so of version 26.7 or later, or point --clickhouse-url at a ClickHouse of your own"

// npmPack downloads the release's package into dir and returns its path. npm gets a cache of its own there:
// that keeps the user's small, and its growth is how far the download has come.
func npmPack(ctx context.Context, rel release, dir string, progress io.Writer) (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errors.New("it comes with npm, and npm isn't installed: install Node.js" + otherwise)
	}
	cache := filepath.Join(dir, "npm")
	cmd := exec.CommandContext(ctx, npm, "pack", rel.spec, "--ignore-scripts", "--loglevel=error", "--no-update-notifier",
		"--cache", cache, "--pack-destination", dir)
	cmd.Dir = dir // not where some project's .npmrc lies
	cmd.WaitDelay = 5 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	m, err := newMeter(progress, "Downloading the ClickHouse engine", rel.packedSize)
	if err != nil {
		return "", err
	}
	stop := m.follow(func() int64 { return treeSize(cache) })
	err = cmd.Run()
	stop()
	if err != nil {
		return "", npmError(ctx, rel, err, stderr.String())
	}
	if err := m.finish(); err != nil {
		return "", err
	}
	packed, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err == nil && len(packed) != 1 {
		err = fmt.Errorf("npm pack %s left %d packages", rel.spec, len(packed))
	}
	if err != nil {
		return "", err
	}
	return packed[0], nil
}

// npmError says in our words what npm said in its own, and quotes it.
func npmError(ctx context.Context, rel release, err error, stderr string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	what := "npm pack " + rel.spec + " failed"
	switch {
	case strings.Contains(stderr, "ENOSPC"):
		what = "no space is left on the disk"
	case strings.Contains(stderr, "E404"), strings.Contains(stderr, "ETARGET"):
		what = "your npm registry doesn't have " + rel.spec + otherwise
	case strings.Contains(stderr, "EINTEGRITY"):
		what = "the download was damaged or isn't the package that was published; try again"
	case strings.Contains(stderr, "ENOTFOUND"), strings.Contains(stderr, "EAI_AGAIN"), strings.Contains(stderr, "ECONNREFUSED"), strings.Contains(stderr, "ETIMEDOUT"):
		what = "npm can't reach its registry: is this machine online?" + otherwise
	}
	said := strings.TrimSpace(stderr)
	if len(said) > 1000 {
		said = said[:1000] + "..."
	}
	return fmt.Errorf("%s (%w)\n%s", what, err, said)
}

// treeSize is the size of all files below dir. Files come and go meanwhile, so it is a good guess.
func treeSize(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n
}
