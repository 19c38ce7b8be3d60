// Package keyfile reads signing keys from files: as they are, or encrypted with age (https://age-encryption.org/v1) by a
// passphrase, so that a backup or a stolen disk gives nobody the key.
package keyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/casetrail/casetrail/record"
)

// maxKey bounds what an encrypted key's file may hold once it is open.
const maxKey = 4 << 10

// binary begins an age file that is not armored.
const binary = "age-encryption.org/v1\n"

// Load reads a signing key from a file that nobody but its owner may read or write. If it is encrypted, passphrase is asked for.
// Its errors hold nothing of key or passphrase.
func Load(path string, passphrase func() (string, error)) (*record.Signer, error) {
	text, err := record.ReadKeyFile(path)
	if err != nil {
		return nil, err
	}
	plain, it := string(text), "it"
	if Encrypted(text) {
		it = "what is encrypted"
		secret, err := passphrase()
		if err != nil {
			return nil, fmt.Errorf("signing key %s is encrypted: %w", path, err)
		}
		if plain, err = decrypt(text, secret); err != nil {
			return nil, fmt.Errorf("signing key %s: %w", path, err)
		}
	}
	s, err := record.ParseSigner(plain)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w (%s should be one line, PRIVATE+KEY+name+hash+base64)", path, err, it)
	}
	return s, nil
}

// Encrypted tells whether a key's file is an age file.
func Encrypted(text []byte) bool {
	return bytes.HasPrefix(text, []byte(armor.Header)) || bytes.HasPrefix(text, []byte(binary))
}

func decrypt(text []byte, passphrase string) (string, error) {
	var in io.Reader = bytes.NewReader(text)
	if !bytes.HasPrefix(text, []byte(binary)) {
		in = armor.NewReader(in)
	}
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return "", err
	}
	out, err := age.Decrypt(in, id)
	if no := (*age.NoIdentityMatchError)(nil); errors.As(err, &no) {
		return "", errors.New("the passphrase does not open it")
	}
	if err != nil {
		return "", fmt.Errorf("does not open: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(out, maxKey+1))
	if err == nil && len(plain) > maxKey {
		err = fmt.Errorf("holds more than %d bytes: it is no key", maxKey)
	}
	return string(plain), err
}

// Encrypt encrypts a signing key's text, as an armored age file. To open it again takes about a second and 256 MiB of memory: that
// is what makes a passphrase hard to guess.
func Encrypt(skey, passphrase string) (string, error) {
	var b strings.Builder
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return "", err
	}
	w := armor.NewWriter(&b)
	in, err := age.Encrypt(w, to)
	if err != nil {
		return "", err
	}
	if _, err := io.WriteString(in, skey+"\n"); err != nil {
		return "", err
	}
	err = errors.Join(in.Close(), w.Close())
	return b.String(), err
}

// maxPassphrase bounds a passphrase's file.
const maxPassphrase = 1 << 10

// PassphraseFile gives a passphrase from a file, a systemd credential for instance: its first line.
func PassphraseFile(path string) func() (string, error) {
	return func() (string, error) {
		if path == "" {
			return "", errors.New("name the file of its passphrase: --passphrase-file")
		}
		f, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("passphrase: %w", err)
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, maxPassphrase+1))
		if err != nil {
			return "", fmt.Errorf("passphrase: %w", err)
		}
		line, rest, _ := strings.Cut(string(text), "\n")
		if line = strings.TrimSuffix(line, "\r"); line == "" || strings.TrimSpace(rest) != "" || len(text) > maxPassphrase {
			return "", fmt.Errorf("passphrase %s: it should be one line of at most %d bytes", path, maxPassphrase)
		}
		return line, nil
	}
}
