package main

import (
	"context"
	"fmt"

	"github.com/casetrail/casetrail/cli/export"
)

type exportCommand struct {
	cluster   `embed:""`
	Folder    string `arg:"" name:"dir" help:"The folder to make."`
	LedgerKey string `name:"ledger-key" env:"CASETRAIL_LEDGER_KEY" default:"data/keys/ledger.vkey" placeholder:"FILE" help:"The public key that you trust."`
	NoParquet bool   `name:"no-clickhouse" help:"Leave ClickHouse, and so Parquet, out."`
}

// Run exports, and prints what each ledger's part holds.
func (c *exportCommand) Run(ctx context.Context) error {
	trusted, err := loadVerifierKey(c.LedgerKey)
	if err != nil {
		return err
	}
	client, codec, err := c.connect(ctx, "")
	if err != nil {
		return err
	}
	defer client.Close()
	o := export.Options{Topics: log{client, codec}, Codec: codec, VKey: trusted}
	if !c.NoParquet {
		o.Parquet = &export.Parquet{URL: c.ClickHouse}
	}
	bar := progress("exporting")
	o.Progress = func(n, of int64) {
		if n == 1 {
			bar.ChangeMax64(of)
		}
		if n%100 == 0 {
			_ = bar.Set64(n) // a bar that can't be drawn changes nothing
		}
	}
	ledgers, m, err := export.Run(ctx, o, c.Folder)
	_ = bar.Finish()
	if err != nil {
		return err
	}
	var total int64
	for _, l := range ledgers {
		fmt.Printf("%s: ledger %s, %d records, complete until %s, root %v\n", l.Folder, l.Name, l.Records, clock(l.Until), l.Root)
		total += l.Records
	}
	if m.Leaves > 0 {
		fmt.Printf("manifest: %s, %d leaves: nothing concluded before %s is missing; root %v\n", m.Name, m.Leaves, clock(m.Until), m.Root)
	}
	fmt.Printf("exported %d records of %d ledgers to %s, each up to its newest checkpoint; later ones are for the next export\n", total, len(ledgers), c.Folder)
	return nil
}
