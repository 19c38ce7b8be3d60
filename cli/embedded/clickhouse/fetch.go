package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// LibraryVariable names a library that lies somewhere already; Fetch then takes that.
const LibraryVariable = "CASETRAIL_LIBCHDB"

// release is one build of the library, pinned: the package that holds it and what must be in there.
type release struct {
	spec        string // of the npm package
	packedSize  int64
	packedHash  string // SHA-512 of the package, base64, as npm's integrity has it
	librarySize int64
	libraryHash string // SHA-256 of libchdb.so, hex
}

const libraryVersion = "26.7.3-stable.1"

// releases by GOOS/GOARCH. Packages for linux-arm64-gnu, darwin-x64 and darwin-arm64 are announced, but none is
// published: a platform is listed when its library can be had and the tests have passed on it.
var releases = map[string]release{
	"linux/amd64": {
		spec:        "@chdb/lib-linux-x64-gnu@" + libraryVersion,
		packedSize:  177817999,
		packedHash:  "XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==",
		librarySize: 566330096,
		libraryHash: "36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5",
	},
}

// Fetch returns the path of the engine's library, which it downloads with npm into cacheDir unless it is there
// already. npm brings the user's registry, proxy and credentials with it. What comes is checked against hashes in
// this source, and appears under its final name only when it is whole; so several may fetch at once. What goes on
// is shown on progress, which may be nil: as a bar if it is a terminal, else as a line at the start and the end.
//
// The environment variable CASETRAIL_LIBCHDB names a library to take instead, unchecked. For a platform that
// has none the error is ErrNoLibrary.
func Fetch(ctx context.Context, cacheDir string, progress io.Writer) (string, error) {
	if path := os.Getenv(LibraryVariable); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("the library that %s names: %w", LibraryVariable, err)
		}
		return path, nil
	}
	rel, ok := releases[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return "", noLibrary()
	}
	path := filepath.Join(cacheDir, "libchdb-"+libraryVersion+".so")
	switch info, err := os.Stat(path); {
	case err == nil && info.Size() == rel.librarySize:
		return path, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("fetch the ClickHouse library: %w", err)
	}
	if progress == nil {
		progress = io.Discard
	}
	if err := rel.fetch(ctx, cacheDir, path, progress); err != nil {
		return "", fmt.Errorf("fetch the ClickHouse library: %w", err)
	}
	return path, nil
}

func (rel release) fetch(ctx context.Context, cacheDir, path string, progress io.Writer) (err error) {
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		return err
	}
	if err := sweep(cacheDir); err != nil {
		return err
	}
	// npm keeps the package in its cache and puts a copy beside it.
	if err := needSpace(cacheDir, 2*rel.packedSize+rel.librarySize); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(cacheDir, tempPrefix)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	packed, err := npmPack(ctx, rel, dir, progress)
	if err != nil {
		return err
	}
	whole := filepath.Join(dir, "libchdb.so")
	if err := rel.unpack(ctx, packed, whole, progress); err != nil {
		return err
	}
	if err := os.Rename(whole, path); err != nil {
		return err
	}
	_, err = fmt.Fprintf(progress, "ClickHouse library ready: %s\n", path)
	return err
}

const tempPrefix = ".fetch-"

// sweep removes what a fetch that was killed has left; a day is longer than any that still runs.
func sweep(cacheDir string) error {
	old, err := filepath.Glob(filepath.Join(cacheDir, tempPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range old {
		info, err := os.Stat(dir)
		if err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			err = os.RemoveAll(dir)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
