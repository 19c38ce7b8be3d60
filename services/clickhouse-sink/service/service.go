// Package service runs the sink: alone as a process, or beside the other services in one.
package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"
)

// About is what --help says.
const About = "Keeps ClickHouse at a verified prefix of every ledger, with the windows over it, and beside them escalations, metrics and alerts."

// Config is what an operator sets.
type Config struct {
	process.Config `embed:""`
	Ledger         string   `name:"ledger" env:"CASETRAIL_LEDGER" default:"casetrail/default" placeholder:"DEPLOYMENT/ENVIRONMENT" help:"What the names of the ledgers begin with."`
	LedgerKey      string   `name:"ledger-key" aliases:"ledger-vkey" env:"CASETRAIL_LEDGER_KEY" placeholder:"FILE" help:"The record-signer's first public key (.vkey)."`
	MetricKey      []string `name:"metric-key" env:"CASETRAIL_METRIC_KEY" placeholder:"FILE,..." help:"The aggregator's public key (.vkey), and those that it had before."`
	ClickHouse     string   `name:"clickhouse-url" env:"CASETRAIL_CLICKHOUSE_URL" default:"http://127.0.0.1:8123/casetrail" placeholder:"URL" help:"ClickHouse's HTTP interface and the database, which is made if need be: http://user:password@host:8123/casetrail."`
}

// Validate reports everything that is wrong at once.
func (c *Config) Validate() error {
	errs := []error{c.Config.Validate()}
	if err := record.CheckLedger(c.Ledger); err != nil {
		errs = append(errs, fmt.Errorf("--ledger: %w", err))
	}
	if _, err := c.keys(); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.metricKeys(); err != nil {
		errs = append(errs, err)
	}
	if db, err := insert.Open(c.ClickHouse); err != nil {
		errs = append(errs, fmt.Errorf("--clickhouse-url: %w", err))
	} else {
		errs = append(errs, db.Close())
		if !db.Private() && !c.AllowPlaintext {
			errs = append(errs, fmt.Errorf("--clickhouse-url: %w", kafka.ErrPlaintext))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) keys() ([]string, error) {
	if c.LedgerKey == "" {
		return nil, errors.New("--ledger-key is missing: name the .vkey file beside the record-signer's key; casetrail keys create makes both")
	}
	if _, err := record.LoadVerifier(c.LedgerKey); err != nil {
		return nil, fmt.Errorf("--ledger-key: %w", err)
	}
	b, err := os.ReadFile(c.LedgerKey)
	if err != nil {
		return nil, fmt.Errorf("--ledger-key: %w", err)
	}
	return []string{strings.TrimSpace(string(b))}, nil
}

func (c *Config) metricKeys() (keys []note.Verifier, err error) {
	for _, path := range c.MetricKey {
		k, err := record.LoadVerifier(path)
		if err != nil {
			return nil, fmt.Errorf("--metric-key: %w", err)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("--metric-key is missing: name the .vkey file beside the aggregator's key; casetrail keys create makes both")
	}
	return keys, nil
}

// Run runs the sink until ctx ends. While ClickHouse is away it waits, is not ready, reads no further and keeps asking.
// It returns an error that wraps insert.ErrContradiction where ClickHouse and Kafka hold different ledgers.
func (c *Config) Run(ctx context.Context, shell *process.Shell) error {
	keys, err := c.keys()
	if err != nil {
		return err
	}
	metricKeys, err := c.metricKeys()
	if err != nil {
		return err
	}
	db, err := insert.Open(c.ClickHouse)
	if err != nil {
		return err
	}
	defer db.Close()
	keep, err := newKeeper(shell)
	if err != nil {
		return err
	}
	if err := c.prepare(ctx, shell, keep, db); err != nil {
		return ended(ctx, err)
	}
	codec, err := schemas.Register(ctx, c.Registry, pipelines.Subjects(pipelines.Sink))
	if err != nil {
		return ended(ctx, err)
	}
	all, ctx := errgroup.WithContext(ctx)
	for _, def := range Stages(ctx, c.Ledger, keys, metricKeys, codec, db, keep) {
		all.Go(func() error { return shell.RunStage(ctx, def) })
	}
	return all.Wait()
}

// ended turns what the end of a service looks like from within into no error.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// prepare makes the tables, and names the partitions that windows wait for.
func (c *Config) prepare(ctx context.Context, shell *process.Shell, keep *keeper, db *insert.Database) error {
	if err := keep.Try(ctx, "clickhouse schema", db.Migrate); err != nil {
		return err
	}
	cfg, err := shell.Config.Kafka()
	if err != nil {
		return err
	}
	client, err := kafka.NewClient(cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	return keep.Try(ctx, "partitions", func(ctx context.Context) error {
		n, err := client.Partitions(ctx, pipelines.ConductRecords)
		if err != nil {
			return err
		}
		return db.Expect(ctx, n[pipelines.ConductRecords])
	})
}
