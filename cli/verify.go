package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/cli/verify"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

type verifyCommand struct {
	cluster   `embed:""`
	Exports   []string `arg:"" optional:"" name:"export" help:"Check these exports instead, files or folders, and need nothing else."`
	LedgerKey string   `name:"ledger-key" env:"CASETRAIL_LEDGER_KEY" default:"data/keys/ledger.vkey" placeholder:"FILE" help:"The public key that you trust."`
	Revoked   []string `name:"revoked" placeholder:"FILE,..." help:"Revocations of keys: what such a key signed beyond is refused."`
	Deep      bool     `help:"Check also that nothing was lost, counted twice or handled by whom it must not, over all topics." xor:"deep"`
	Metrics   bool     `help:"Check that every MetricRecord is signed and recomputes from the ledger, field by field, and nothing else." xor:"deep"`
	MetricKey []string `name:"metric-key" env:"CASETRAIL_METRIC_KEY" default:"data/keys/aggregator.vkey" placeholder:"FILE,..." help:"The aggregator's public key, and those that it had before."`
	All       bool     `name:"all-windows" help:"Compare every window with ClickHouse's, and not only the latest 200 of each length."`
	NoRows    bool     `name:"no-clickhouse" help:"Leave ClickHouse out."`
	RowsAlone bool     `name:"clickhouse" help:"Check the ledgers that ClickHouse holds, with its checkpoints, and need no Kafka."`
	NoSigned  bool     `name:"no-signatures" help:"Check chain, tree and checkpoints alone, which is much faster, and leave out the records' signatures."`
}

// Run checks and prints what was checked. It fails with the first thing that is wrong.
func (c *verifyCommand) Run(ctx context.Context) error {
	trusted, err := record.LoadVerifier(c.LedgerKey)
	if err != nil {
		return err
	}
	revoked, err := loadRevocations(c.Revoked)
	if err != nil {
		return err
	}
	if !c.Deep && !c.Metrics {
		debug.SetGCPercent(garbage)
	}
	if c.RowsAlone || len(c.Exports) > 0 {
		return c.alone(ctx, trusted, revoked)
	}
	var metricKeys []note.Verifier
	if c.Deep || c.Metrics {
		if metricKeys, err = loadVerifiers(c.MetricKey); err != nil {
			return err
		}
	}
	client, codec, err := c.with(ctx, c.subjects())
	if err != nil {
		return err
	}
	defer client.Close()
	o := verify.Options{Topics: log{client, codec}, Codec: codec, Trusted: trusted, Revoked: revoked, Deep: c.Deep, NoSignatures: c.NoSigned, AllWindows: c.All, Metrics: metricKeys, MetricsOnly: c.Metrics}
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
	if err := r.Err(); err != nil {
		return err
	}
	c.left(r.Records)
	return nil
}

// subjects are the schemas of what is read. To register all takes longer than to check ten thousand records.
func (c *verifyCommand) subjects() []schemas.Subject {
	all := pipelines.Subjects("")
	if c.Deep || c.Metrics {
		return all
	}
	return slices.DeleteFunc(all, func(s schemas.Subject) bool {
		return s.Topic != pipelines.ConductRecords && s.Topic != pipelines.ConductCheckpoints && s.Topic != pipelines.ConductManifest
	})
}

// garbage is how much of it, in percent of what lives, gathers before it is collected. Of a ledger checked by itself little
// lives, some bytes a record, but each leaves a kilobyte: at Go's 100 % collecting takes a fifth of the CPU.
const garbage = 400

// alone checks ledgers away from the topics.
func (c *verifyCommand) alone(ctx context.Context, trusted note.Verifier, revoked []record.Revocation) error {
	switch {
	case c.RowsAlone && len(c.Exports) > 0:
		return errors.New("give either exports or --clickhouse: each is checked by itself")
	case c.Deep || c.Metrics || c.All || c.NoRows:
		return errors.New("--deep, --metrics, --all-windows and --no-clickhouse are about the topics: leave them out, or exports and --clickhouse")
	}
	bar := progress("verifying")
	a := verify.Alone{Trusted: trusted, Revoked: revoked, NoSignatures: c.NoSigned, Progress: func(n int64) { _ = bar.Add64(n) }} // a bar that can't be drawn changes nothing
	var audit *record.Audit
	var manifest *record.ManifestExport
	var err error
	if c.RowsAlone {
		db, e := c.database(ctx)
		if e != nil {
			return e
		}
		defer db.Close()
		audit, err = a.Table(ctx, verify.ClickHouse{Conn: db})
	} else {
		audit, manifest, err = a.Exports(c.Exports)
	}
	_ = bar.Finish()
	if err != nil {
		return err
	}
	var total int64
	for _, r := range audit.Reports() {
		fmt.Println(r)
		total += r.Records
	}
	heads := audit.Heads()
	if manifest != nil {
		fmt.Println(manifest)
	} else {
		fmt.Println("without a manifest: whether a partition is missing was not checked")
	}
	fmt.Printf("ledger verified: %d records, %d partitions, root %v\n", total, len(heads), record.CombinedRoot(heads))
	c.left(total)
	list := audit.Statements()
	if err := record.Print(os.Stdout, list); err != nil {
		return err
	}
	for _, s := range list {
		if err := s.Err(); err != nil {
			return err
		}
	}
	return nil
}

// left says what was left out.
func (c *verifyCommand) left(records int64) {
	if c.NoSigned {
		fmt.Printf("NOT CHECKED: the signatures of %d records (--no-signatures), but for key rotations'. What is under a checkpoint is what its signer committed to, by its signature; nobody is known to have signed the records after it.\n", records)
	}
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

func loadRevocations(paths []string) (out []record.Revocation, err error) {
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		r, err := record.OpenRevocation(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, r)
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
		if r.Manifest != nil && r.Manifest.Size() > 0 {
			fmt.Println(r.Manifest)
		}
		for _, h := range r.Sealed {
			fmt.Printf("%s is sealed: %d records, root %v\n", h.Ledger, h.Size, h.Root)
		}
		fmt.Printf("ledger verified: %d records, %d partitions, root %v\n", r.Records, r.Partitions, r.Root)
	}
}
