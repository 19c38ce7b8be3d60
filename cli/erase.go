package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/cli/erase"
	"github.com/casetrail/casetrail/cli/export"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/services/intake/customers"
)

type eraseCommand struct {
	cluster     `embed:""`
	Certificate string        `arg:"" type:"path" help:"Where to write the certificate; a new file."`
	LedgerKey   string        `name:"ledger-key" env:"CASETRAIL_LEDGER_KEY" default:"data/keys/ledger.vkey" placeholder:"FILE" help:"The public key that you trust."`
	Key         string        `name:"operator-key" default:"data/keys/operator.key" placeholder:"FILE" help:"The operator's signing key."`
	CustomerKey string        `name:"customer-key" env:"CASETRAIL_CUSTOMER_KEY" default:"data/keys/customers.secret" placeholder:"FILE" help:"Intake's customer key, which is replaced by one that has forgotten the customers."`
	Wait        time.Duration `name:"wait" default:"2m" help:"How long to wait for services that have something to do yet."`
}

// maxCustomers bounds how many customers are erased at once.
const maxCustomers = 100_000

// Help is what --help says at length.
func (c *eraseCommand) Help() string {
	return "The customers' ids are read from standard input, one a line, so that they stand in no list of processes and in no shell's history: " +
		"casetrail erase anna.certificate <ids, or type the id, Enter, Ctrl-D. It may be cut short and run again."
}

// Run erases the customers that standard input names.
func (c *eraseCommand) Run(ctx context.Context) error {
	if _, err := os.Lstat(c.Certificate); err == nil {
		return fmt.Errorf("%s is there already; name a new file", c.Certificate)
	}
	trusted, err := loadVerifierKey(c.LedgerKey)
	if err != nil {
		return err
	}
	key, err := readSigner(c.Key) // first: it may ask for a passphrase
	if err != nil {
		return err
	}
	ids, err := readIDs(os.Stdin)
	if err != nil {
		return err
	}
	client, codec, err := c.connect(ctx, "")
	if err != nil {
		return err
	}
	defer client.Close()
	text, keys, err := erase.Run(ctx, erase.Options{Client: client, Codec: codec, Export: export.Options{Topics: log{client, codec}, Codec: codec, VKey: trusted},
		Prefix: c.Config.Prefix, KeyFile: c.CustomerKey, Key: key, Now: time.Now, Say: func(s string) { step("%s", s) }, Wait: c.Wait}, ids)
	if err != nil {
		return err
	}
	if err := check(text, key, keys); err != nil {
		return err
	}
	if err := writeNew(c.Certificate, text); err != nil {
		return err
	}
	if err := erase.Finish(c.CustomerKey); err != nil {
		return err
	}
	fmt.Printf("%d customers are erased; %s says so. Destroy every other copy of the old customer key.\n", len(ids), c.Certificate)
	return nil
}

// check verifies the certificate as its holder will.
func check(text []byte, operator *record.Signer, keys []string) error {
	all := []note.Verifier{operator.Verifier()}
	for _, k := range keys {
		v, err := note.NewVerifier(k)
		if err != nil {
			return err
		}
		all = append(all, v)
	}
	if _, _, err := record.VerifyCertificate(text, all...); err != nil {
		return fmt.Errorf("the certificate does not verify: %w", err)
	}
	return nil
}

// readIDs reads ids, one a line, as they are: but for empty lines, the ends of lines of Windows and the mark that its editors put
// before the first one.
func readIDs(in io.Reader) (ids []string, err error) {
	seen := map[string]bool{}
	s := bufio.NewScanner(in)
	for line := 1; s.Scan(); line++ {
		id := strings.TrimSuffix(s.Text(), "\r")
		if line == 1 {
			id = strings.TrimPrefix(id, "\ufeff")
		}
		switch {
		case id == "" || seen[id]:
			continue
		case len(id) > customers.MaxID:
			return nil, fmt.Errorf("line %d has %d bytes; a customer's id has at most %d", line, len(id), customers.MaxID)
		case len(ids) == maxCustomers:
			return nil, fmt.Errorf("more than %d ids: erase them in several runs", maxCustomers)
		}
		seen[id] = true
		ids = append(ids, id)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("the customers' ids, one a line: %w", err)
	}
	return ids, erase.Check(ids)
}
