package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/record"
)

type keysCommand struct {
	Create createKeyCommand    `cmd:"" help:"Make a key: NAME.key, readable by its owner only, and NAME.vkey to hand out."`
	Secret createSecretCommand `cmd:"" help:"Make a secret: NAME.secret, readable by its owner only, such as intake's customer key."`
	Show   showKeyCommand      `cmd:"" help:"Show what a public key (.vkey) is."`
}

type createKeyCommand struct {
	Name string `arg:"" help:"The key's name, as it will stand in signatures, such as example.org/ledger."`
	Dir  string `default:"." type:"path" help:"Where to write the two files."`
}

// Run makes a key.
func (c *createKeyCommand) Run() error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	key, vkey, err := record.CreateKey(c.Dir, c.Name)
	if err != nil {
		return err
	}
	fmt.Printf("private key: %s (keep it; whoever has it can sign)\npublic key:  %s (hand it out; it verifies)\n", key, vkey)
	return nil
}

type createSecretCommand struct {
	Name string `arg:"" help:"The file's name, without .secret."`
	Dir  string `default:"." type:"path" help:"Where to write it."`
}

// Run makes a secret.
func (c *createSecretCommand) Run() error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	path, err := record.CreateSecret(c.Dir, c.Name)
	if err != nil {
		return err
	}
	fmt.Printf("secret: %s (keep it; whoever has it can tell which cases are of a customer whose id they know)\n", path)
	return nil
}

type showKeyCommand struct {
	File string `arg:"" type:"existingfile" help:"A .vkey file."`
}

// Run shows a key.
func (c *showKeyCommand) Run() error {
	v, err := record.LoadVerifier(c.File)
	if err != nil {
		return err
	}
	fmt.Printf("name   %s\nkey id %08x\n", v.Name(), v.KeyHash())
	return nil
}

// readSigner reads a signing key as text, for signed notes.
func readSigner(path string) (note.Signer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w; make one with: casetrail keys create", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("signing key %s may be read by others (mode %o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	b, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return note.NewSigner(strings.TrimSpace(string(b)))
}
