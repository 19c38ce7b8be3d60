package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/cli/verify"
	"github.com/casetrail/casetrail/record"
)

type verifyCommand struct {
	cluster   `embed:""`
	LedgerKey string   `name:"ledger-key" env:"CASETRAIL_LEDGER_KEY" default:"data/keys/ledger.vkey" placeholder:"FILE" help:"The public key that you trust."`
	Deep      bool     `help:"Check also that nothing was lost, counted twice or handled by whom it must not, over all topics." xor:"deep"`
	Metrics   bool     `help:"Check that every MetricRecord is signed and recomputes from the ledger, field by field, and nothing else." xor:"deep"`
	MetricKey []string `name:"metric-key" env:"CASETRAIL_METRIC_KEY" default:"data/keys/aggregator.vkey" placeholder:"FILE,..." help:"The aggregator's public key, and those that it had before."`
	All       bool     `name:"all-windows" help:"Compare every window with ClickHouse's, and not only the latest 200 of each length."`
	NoRows    bool     `name:"no-clickhouse" help:"Leave ClickHouse out."`
}

// Run checks and prints what was checked. It fails with the first thing that is wrong.
func (c *verifyCommand) Run(ctx context.Context) error {
	trusted, err := record.LoadVerifier(c.LedgerKey)
	if err != nil {
		return err
	}
	var metricKeys []note.Verifier
	if c.Deep || c.Metrics {
		if metricKeys, err = loadVerifiers(c.MetricKey); err != nil {
			return err
		}
	}
	client, codec, err := c.connect(ctx, "")
	if err != nil {
		return err
	}
	defer client.Close()
	o := verify.Options{Topics: log{client, codec}, Codec: codec, Trusted: trusted, Deep: c.Deep, AllWindows: c.All, Metrics: metricKeys, MetricsOnly: c.Metrics}
	if !c.NoRows && !c.Metrics {
		db, err := c.database(ctx)
		if err != nil {
			return err
		}
		defer db.Close()
		o.Rows = verify.ClickHouse{Conn: db}
	}
	bar := progress("verifying")
	o.Progress = func(_ string, n int64) { _ = bar.Add64(n) }
	r, err := verify.Run(ctx, o)
	_ = bar.Finish() // a bar that can't be drawn changes nothing
	if err != nil {
		return err
	}
	printVerified(r)
	return r.Err()
}

// loadVerifierKey reads a file with one public key, checks it, and gives it as text.
func loadVerifierKey(path string) (string, error) {
	if _, err := record.LoadVerifier(path); err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	return strings.TrimSpace(string(text)), err
}

func loadVerifiers(paths []string) (out []note.Verifier, err error) {
	for _, path := range paths {
		v, err := record.LoadVerifier(path)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func printVerified(r *verify.Report) {
	for _, check := range r.Checks {
		verdict, pending := "holds", ""
		if len(check.Faults) > 0 {
			verdict = "DOES NOT HOLD"
		}
		if check.Pending > 0 {
			pending = fmt.Sprintf(", %d still to come", check.Pending)
		}
		fmt.Printf("%-13s  %s (%d checked%s)\n", verdict, check.Name, check.Count, pending)
		for _, f := range append(check.Faults, check.Notes...) {
			fmt.Printf("               %s\n", f)
		}
		if check.Next != "" {
			fmt.Printf("               still to come: %s\n", check.Next)
		}
	}
	_ = record.Print(os.Stdout, r.Statements)
	for _, c := range r.Copies {
		fmt.Printf("%d messages of %s are copies of earlier ones, which every reader drops\n", c.Count, c.Topic)
	}
	if r.Err() == nil {
		fmt.Printf("ledger verified: %d records, %d partitions, root %v\n", r.Records, r.Partitions, r.Root)
	}
}
