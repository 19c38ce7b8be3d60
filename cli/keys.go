package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/services/intake/customers"
	"github.com/casetrail/casetrail/services/keyfile"
)

type keysCommand struct {
	Create    createKeyCommand       `cmd:"" help:"Make a key: NAME.key, readable by its owner only, and NAME.vkey to hand out."`
	Customers createCustomersCommand `cmd:"" help:"Make intake's customer key: customers.secret, readable by its owner only."`
	Show      showKeyCommand         `cmd:"" help:"Show what a key is, or which keys the ledgers have had."`
	Rotate    rotateKeyCommand       `cmd:"" help:"Have another key sign the ledgers from here on."`
	Revoke    revokeKeyCommand       `cmd:"" help:"Have another key sign the ledgers, and say up to where the old one's signatures stand."`
}

type createKeyCommand struct {
	Name string `arg:"" help:"The key's name, as it will stand in signatures, such as example.org/ledger."`
	Dir  string `default:"." type:"path" help:"Where to write the two files."`

	Encrypt    bool   `help:"Encrypt the private key by a passphrase (age)."`
	Passphrase string `name:"passphrase-file" env:"CASETRAIL_KEY_PASSPHRASE_FILE" placeholder:"FILE" help:"The file with the passphrase; without it you are asked."`
}

// Run makes a key.
func (c *createKeyCommand) Run() error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	as := func(skey string) (string, error) { return skey, nil }
	if c.Encrypt {
		as = func(skey string) (string, error) {
			secret, err := passphrase(c.Passphrase, true)()
			if err != nil {
				return "", err
			}
			return keyfile.Encrypt(skey, secret)
		}
	}
	key, vkey, err := record.CreateKeyAs(c.Dir, c.Name, as)
	if err != nil {
		return err
	}
	fmt.Printf("private key: %s (keep it; whoever has it can sign)\npublic key:  %s (hand it out; it verifies)\n", key, vkey)
	return nil
}

type createCustomersCommand struct {
	Dir string `default:"." type:"path" help:"Where to write it."`
}

// Run makes a customer key.
func (c *createCustomersCommand) Run() error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(c.Dir, customerKey+".secret")
	if err := customers.Create(path); err != nil {
		return err
	}
	fmt.Printf("customer key: %s (whoever has it can tell which cases are of a customer whose id they know; keep no copy that casetrail erase does not reach)\n", path)
	return nil
}

// readSigner reads a signing key; of an encrypted one the passphrase comes from a file, or from who sits there.
func readSigner(path string) (*record.Signer, error) {
	return keyfile.Load(path, passphrase(os.Getenv(passphraseEnv), false))
}
