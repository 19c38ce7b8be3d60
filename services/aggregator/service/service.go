// Package service runs the aggregator: alone as a process, or beside the other services in one.
package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/aggregate"
	"github.com/casetrail/casetrail/services/keyfile"
)

// About is what --help says.
const About = "Publishes the quality of every segment beside the aggregate, in rolling windows that anyone can compute again from the ledger."

// Config is what an operator sets.
type Config struct {
	process.Config `embed:""`
	Ledger         string `name:"ledger" env:"CASETRAIL_LEDGER" default:"casetrail/default" placeholder:"DEPLOYMENT/ENVIRONMENT" help:"What the names of the ledgers begin with."`
	LedgerKey      string `name:"ledger-key" env:"CASETRAIL_LEDGER_KEY" placeholder:"FILE" help:"The record-signer's first public key (.vkey)."`
	Key            string `name:"key" env:"CASETRAIL_SIGNING_KEY" placeholder:"FILE" help:"The aggregator's own key (.key), readable by its owner alone, which signs metric records; casetrail keys create makes one."`
	Passphrase     string `name:"passphrase-file" env:"CASETRAIL_KEY_PASSPHRASE_FILE" placeholder:"FILE" help:"The file with the key's passphrase, where it is encrypted, such as a systemd credential."`
}

// Validate reports everything that is wrong at once.
func (c *Config) Validate() error {
	errs := []error{c.Config.Validate()}
	if _, err := c.trust(); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.signer(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *Config) trust() (aggregate.Trust, error) {
	if err := record.CheckLedger(c.Ledger); err != nil {
		return aggregate.Trust{}, fmt.Errorf("--ledger: %w", err)
	}
	if c.LedgerKey == "" {
		return aggregate.Trust{}, errors.New("--ledger-key is missing: name the .vkey file beside the record-signer's key; casetrail keys create makes both")
	}
	key, err := record.LoadVerifier(c.LedgerKey)
	if err != nil {
		return aggregate.Trust{}, fmt.Errorf("--ledger-key: %w", err)
	}
	return aggregate.Trust{Key: key, Prefix: c.Ledger}, nil
}

func (c *Config) signer() (*record.Signer, error) {
	if c.Key == "" {
		return nil, errors.New("--key is missing: make one with `casetrail keys create`; it is another than the record-signer's")
	}
	s, err := keyfile.Load(c.Key, keyfile.PassphraseFile(c.Passphrase))
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	return s, nil
}

// Run runs the aggregator until ctx ends.
func (c *Config) Run(ctx context.Context, s *process.Shell) error {
	trust, err := c.trust()
	if err != nil {
		return err
	}
	signer, err := c.signer()
	if err != nil {
		return err
	}
	codec, err := schemas.Register(ctx, c.Registry, pipelines.Subjects(pipelines.Aggregator))
	if err != nil {
		return err
	}
	def := aggregate.Definition(codec, trust, signer)
	def.Learn = func(value []byte) error { return codec.Await(ctx, value) }
	return s.RunStage(ctx, def)
}
