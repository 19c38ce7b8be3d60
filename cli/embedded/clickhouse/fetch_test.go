package clickhouse

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// fakeRelease puts an npm into PATH that "downloads" a package of the content.
func fakeRelease(t *testing.T, content string) release {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	w := tar.NewWriter(z)
	for name, body := range map[string]string{"package/index.js": "//", "package/libchdb.so": content} {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(body))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "package"), packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	fakeNPM(t, `while [ "$1" != --pack-destination ]; do shift; done; cp "`+filepath.Join(dir, "package")+`" "$2/lib.tgz"`)
	whole, lib := sha512.Sum512(packed.Bytes()), sha256.Sum256([]byte(content))
	rel := release{"lib@1", int64(packed.Len()), base64.StdEncoding.EncodeToString(whole[:]), int64(len(content)), hex.EncodeToString(lib[:])}
	use(t, rel)
	return rel
}

func fakeNPM(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "npm"), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func use(t *testing.T, rel release) {
	t.Helper()
	platform := runtime.GOOS + "/" + runtime.GOARCH
	old, had := releases[platform]
	releases[platform] = rel
	t.Cleanup(func() {
		if releases[platform] = old; !had {
			delete(releases, platform)
		}
	})
	t.Setenv(LibraryVariable, "")
}

func TestFetch(t *testing.T) {
	fakeRelease(t, "the library")
	cache := filepath.Join(t.TempDir(), "cache")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			var progress strings.Builder
			path, err := Fetch(context.Background(), cache, &progress)
			if err != nil {
				t.Error(err)
				return
			}
			if b, err := os.ReadFile(path); err != nil || string(b) != "the library" {
				t.Errorf("%q %v", b, err)
			}
		})
	}
	group.Wait()
	if left, err := os.ReadDir(cache); err != nil || len(left) != 1 {
		t.Error("left behind:", left, err)
	}
	fakeNPM(t, "exit 1") // not asked any more
	if _, err := Fetch(t.Context(), cache, nil); err != nil {
		t.Error(err)
	}
}

func TestFetchFails(t *testing.T) {
	good := fakeRelease(t, "the library")
	fails := func(name, expected string) {
		t.Helper()
		cache := t.TempDir()
		_, err := Fetch(t.Context(), cache, nil)
		if err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := os.ReadDir(cache); err != nil || len(left) != 0 {
			t.Error("left behind:", left, err)
		}
	}
	bad := good
	bad.packedHash = "AAAA"
	use(t, bad)
	fails("another package", "SHA-512")
	bad = good
	bad.libraryHash = "00"
	use(t, bad)
	fails("another library", "SHA-256")
	bad = good
	bad.librarySize = 1 << 60
	use(t, bad)
	fails("a small disk", "make room")
	use(t, good)
	for said, expected := range map[string]string{
		"npm error code E404":   "doesn't have lib@1",
		"npm error code ENOSPC": "no space",
		"getaddrinfo ENOTFOUND": "online",
		"something else":        "something else",
	} {
		fakeNPM(t, "echo '"+said+"' >&2; exit 1")
		fails(said, expected)
	}
	t.Setenv("PATH", t.TempDir())
	fails("no npm", "npm isn't installed")

	delete(releases, runtime.GOOS+"/"+runtime.GOARCH)
	if _, err := Fetch(t.Context(), t.TempDir(), nil); !errors.Is(err, ErrNoLibrary) || !strings.Contains(err.Error(), runtime.GOOS) {
		t.Error(err)
	}
	t.Setenv(LibraryVariable, filepath.Join(t.TempDir(), "none"))
	if _, err := Fetch(t.Context(), t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), LibraryVariable) {
		t.Error(err)
	}
}
