package keyfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/record"
)

// says is a passphrase.
func says(secret string) func() (string, error) {
	return func() (string, error) { return secret, nil }
}

func never() (string, error) { return "", errors.New("asked for nothing") }

func write(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.key")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKeysAsTheyAreAndEncrypted(t *testing.T) {
	dir := t.TempDir()
	plain, _, err := record.CreateKey(dir, "plain")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := Load(plain, never); err != nil || s.Name() != "plain" {
		t.Fatal(err)
	}
	sealed, _, err := record.CreateKeyAs(dir, "sealed", func(skey string) (string, error) { return Encrypt(skey, "open sesame") })
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(sealed)
	if err != nil || !Encrypted(text) || strings.Contains(string(text), "PRIVATE+KEY") {
		t.Fatalf("%v\n%s", err, text)
	}
	v, err := record.LoadVerifier(filepath.Join(dir, "sealed.vkey"))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := Load(sealed, says("open sesame")); err != nil || s.KeyHash() != v.KeyHash() {
		t.Error(err)
	}
	if _, err := Load(sealed, says("open barley")); err == nil || !strings.Contains(err.Error(), "does not open it") || strings.Contains(err.Error(), "barley") {
		t.Error(err)
	}
	if _, err := Load(sealed, PassphraseFile("")); err == nil || !strings.Contains(err.Error(), "is encrypted") || !strings.Contains(err.Error(), "--passphrase-file") {
		t.Error(err)
	}
	if err := os.Chmod(sealed, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(sealed, says("open sesame")); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Error(err)
	}
	if _, err := Load(write(t, text[:len(text)/2]), says("open sesame")); err == nil {
		t.Error("half a file opens")
	}
}

// testdata/pyrage.key was written by rage, another implementation of age, through its Python package pyrage: a key of nobody's.
func TestAnotherProgramsFileOpens(t *testing.T) {
	text, err := os.ReadFile("testdata/pyrage.key")
	if err != nil {
		t.Fatal(err)
	}
	v, err := record.LoadVerifier("testdata/pyrage.vkey")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := Load(write(t, text), says("correct horse battery staple")); err != nil || s.KeyHash() != v.KeyHash() || s.Name() != v.Name() {
		t.Error(err)
	}
}

func TestPassphraseFiles(t *testing.T) {
	for text, want := range map[string]string{"secret": "secret", "two words\n": "two words", "dos\r\n": "dos", "\n": "", "": "", "a\nb\n": "", strings.Repeat("x", 2000): ""} {
		got, err := PassphraseFile(write(t, []byte(text)))()
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%.20q: got %q, %v", text, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "xxx") {
			t.Error("the error tells the passphrase")
		}
	}
	if _, err := PassphraseFile("/nowhere/to/be/found")(); err == nil {
		t.Error("a file that is not there")
	}
}
