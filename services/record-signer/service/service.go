// Package service runs the record-signer: alone as a process, or beside the other services in one.
package service

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/keyfile"
	"github.com/casetrail/casetrail/services/record-signer/sign"
)

// About is what --help says.
const About = "Signs one record per concluded case, chains them, and issues checkpoints over them."

// Config is what an operator sets.
type Config struct {
	process.Config `embed:""`
	Ledger         string   `name:"ledger" env:"CASETRAIL_LEDGER" default:"casetrail/default" placeholder:"DEPLOYMENT/ENVIRONMENT" help:"What the names of the ledgers begin with. The partition and the generation follow."`
	Key            []string `name:"key" env:"CASETRAIL_SIGNING_KEY" placeholder:"FILE" help:"The signing key (.key), readable by its owner alone; casetrail keys create makes one. Repeat it with the new key to rotate, from old to new."`
	Passphrase     string   `name:"passphrase-file" env:"CASETRAIL_KEY_PASSPHRASE_FILE" placeholder:"FILE" help:"The file with the passphrase of keys that are encrypted, such as a systemd credential."`
	CheckpointDir  string   `name:"checkpoint-dir" env:"CASETRAIL_CHECKPOINT_DIR" placeholder:"DIR" help:"Where to remember the last checkpoint of each ledger outside Kafka, so that a loss there is noticed. Keep it on another disk than Kafka's."`
}

// Validate reports everything that is wrong at once.
func (c *Config) Validate() error {
	errs := []error{c.Config.Validate()}
	if err := record.CheckLedger(sign.Ledger(c.Ledger, 0)); err != nil || c.Ledger == "" {
		errs = append(errs, fmt.Errorf("--ledger %q is no name for a ledger: neither spaces nor plus signs, at most 200 bytes", c.Ledger))
	}
	if c.CheckpointDir == "" {
		errs = append(errs, errors.New("--checkpoint-dir is missing: name a directory that outlives Kafka"))
	}
	if _, err := c.keys(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *Config) keys() (sign.Keys, error) {
	if len(c.Key) == 0 {
		return nil, errors.New("--key is missing: make one with `casetrail keys create`")
	}
	var keys sign.Keys
	for _, file := range c.Key {
		s, err := keyfile.Load(file, keyfile.PassphraseFile(c.Passphrase))
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
		keys = append(keys, s)
	}
	return keys, nil
}

// Run runs the record-signer until ctx ends.
func (c *Config) Run(ctx context.Context, s *process.Shell) error {
	keys, err := c.keys()
	if err != nil {
		return err
	}
	store, err := sign.NewFiles(c.CheckpointDir)
	if err != nil {
		return fmt.Errorf("--checkpoint-dir: %w", err)
	}
	subjects := append(pipelines.Subjects(pipelines.RecordSigner), schemas.Subject{Topic: pipelines.ChatRejects, Record: "casetrail.ChatReject"})
	codec, err := schemas.Register(ctx, c.Registry, subjects)
	if err != nil {
		return err
	}
	all, ctx := errgroup.WithContext(ctx)
	for _, def := range []stage.Definition{sign.Definition(codec, keys, c.Ledger, store), sign.ManifestDefinition(codec, keys, c.Ledger, store)} {
		def.Learn = func(value []byte) error { return codec.Await(ctx, value) }
		all.Go(func() error { return s.RunStage(ctx, def) })
	}
	return all.Wait()
}
