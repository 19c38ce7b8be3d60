package record

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// LoadSigner reads a signer key from a file that nobody but its owner may read or write.
func LoadSigner(path string) (*Signer, error) {
	text, err := ReadKeyFile(path)
	if err != nil {
		return nil, err
	}
	s, err := ParseSigner(string(text))
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w (it should be one line, PRIVATE+KEY+name+hash+base64)", path, err)
	}
	return s, nil
}

// ReadKeyFile reads a signer key's file, whatever is in it, if nobody but its owner may read or write it.
func ReadKeyFile(path string) ([]byte, error) {
	if _, err := StatPrivate("signing key", "casetrail keys create", path); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return text, nil
}

// StatPrivate makes certain that a secret's file is there and that nobody but its owner may read or write it. Its errors call the secret what,
// and name the command that makes one.
func StatPrivate(what, command, path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no %s at %s: make one with `%s`: %w", what, path, command, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("%s %s has mode %04o, so others than its owner can get at it: chmod 600 %s", what, path, mode, path)
	}
	return info, nil
}

// LoadVerifier reads a verifier key, name+hash+base64, from a file.
func LoadVerifier(path string) (note.Verifier, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("verifier key: %w; `casetrail keys create` makes one beside the signing key", err)
	}
	v, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("verifier key %s: %w (it should be one line, name+hash+base64)", path, err)
	}
	return v, nil
}

// CreateKey makes a key and writes it to dir: the signer key to name.key (mode 0600) and the verifier key to name.vkey
// (0644), a slash in the name becoming a dash. It never overwrites either, and returns when both are on disk.
func CreateKey(dir, name string) (keyPath, vkeyPath string, err error) {
	return CreateKeyAs(dir, name, func(skey string) (string, error) { return skey, nil })
}

// CreateKeyAs is CreateKey, but for what is written of the signer key: what as makes of it.
func CreateKeyAs(dir, name string, as func(skey string) (string, error)) (keyPath, vkeyPath string, err error) {
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", "", err
	}
	if _, err := note.NewVerifier(vkey); err != nil {
		return "", "", fmt.Errorf("key name %q: %w (it may hold neither spaces nor plus signs)", name, err)
	}
	base := filepath.Join(dir, strings.NewReplacer("/", "-", `\`, "-").Replace(name))
	keyPath, vkeyPath = base+".key", base+".vkey"
	if _, err := os.Lstat(vkeyPath); err == nil {
		return "", "", fmt.Errorf("%s is there already, and a key is never overwritten: %w", vkeyPath, fs.ErrExist)
	}
	if skey, err = as(skey); err != nil {
		return "", "", err
	}
	if err := create(keyPath, skey, 0o600); err != nil {
		return "", "", err
	}
	if err := create(vkeyPath, vkey, 0o644); err != nil {
		return "", "", err
	}
	return keyPath, vkeyPath, SyncDir(dir)
}

func create(path, text string, mode fs.FileMode) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and a key is never overwritten: %w", path, err)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if runtime.GOOS == "windows" {
		err = nil // has no such call
	}
	return errors.Join(err, d.Close())
}
