package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/casetrail/casetrail/cli/export"
	"github.com/casetrail/casetrail/record"
)

type exportCommand struct {
	cluster   `embed:""`
	Folder    string `arg:"" name:"dir" help:"The folder to make."`
	LedgerKey string `name:"ledger-key" env:"CASETRAIL_LEDGER_KEY" default:"data/keys/ledger.vkey" placeholder:"FILE" help:"The public key that you trust."`
	NoParquet bool   `name:"no-clickhouse" help:"Leave ClickHouse, and so Parquet, out."`
}

// Run exports, and prints what each ledger's part holds.
func (c *exportCommand) Run(ctx context.Context) error {
	if _, err := record.LoadVerifier(c.LedgerKey); err != nil {
		return err
	}
	vkey, err := os.ReadFile(c.LedgerKey)
	if err != nil {
		return err
	}
	client, codec, err := c.connect(ctx, "")
	if err != nil {
		return err
	}
	defer client.Close()
	o := export.Options{Topics: log{client, codec}, Codec: codec, VKey: strings.TrimSpace(string(vkey))}
	if !c.NoParquet {
		o.Parquet = &export.Parquet{URL: c.ClickHouse}
	}
	bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetVisibility(term.IsTerminal(int(os.Stderr.Fd()))), progressbar.OptionSetDescription("exporting"))
	o.Progress = func(n, of int64) {
		if n == 1 {
			bar.ChangeMax64(of)
		}
		if n%100 == 0 {
			_ = bar.Set64(n) // a bar that can't be drawn changes nothing
		}
	}
	ledgers, err := export.Run(ctx, o, c.Folder)
	_ = bar.Finish()
	if err != nil {
		return err
	}
	var total int64
	for _, l := range ledgers {
		fmt.Printf("%s: ledger %s, %d records, complete until %s, root %v\n", l.Folder, l.Name, l.Records, clock(l.Until), l.Root)
		total += l.Records
	}
	fmt.Printf("exported %d records of %d ledgers to %s, each up to its newest checkpoint; later ones are for the next export\n", total, len(ledgers), c.Folder)
	return nil
}
