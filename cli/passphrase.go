package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/casetrail/casetrail/services/keyfile"
)

// passphraseEnv names the file with the passphrase of encrypted keys.
const passphraseEnv = "CASETRAIL_KEY_PASSPHRASE_FILE" //nolint:gosec // the name of a variable

// passphrase gives the passphrase of a key from a file, or asks who sits at the terminal: twice for a new key.
func passphrase(file string, isNew bool) func() (string, error) {
	if file != "" {
		return keyfile.PassphraseFile(file)
	}
	return func() (string, error) {
		if !term.IsTerminal(int(os.Stdin.Fd())) {
			return "", errors.New("there is no terminal to ask for its passphrase: name a file with it in " + passphraseEnv)
		}
		secret, err := ask("passphrase: ")
		if err != nil || !isNew {
			return secret, err
		}
		if secret == "" {
			return "", errors.New("an empty passphrase protects nothing")
		}
		again, err := ask("once more:  ")
		if err == nil && again != secret {
			err = errors.New("these were two different passphrases")
		}
		return secret, err
	}
}

func ask(what string) (string, error) {
	fmt.Fprint(os.Stderr, what)
	secret, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	return string(secret), err
}
