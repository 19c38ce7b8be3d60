package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/casetrail/casetrail/cli/report"
	"github.com/casetrail/casetrail/cli/verify"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// settleTime bounds how long the report waits for the last row.
const settleTime = 2 * time.Minute

// report waits until ClickHouse holds the whole ledger, prints what went where and verifies all of it.
func (h *here) report(ctx context.Context, until int64) error {
	db, err := h.cluster.database(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := h.settle(ctx, verify.ClickHouse{Conn: db}, until); err != nil {
		return err
	}
	rejects := map[string]int{}
	err = h.client.ReadAll(ctx, pipelines.ChatRejects, func(r stage.Record) error {
		var x schemas.ChatReject
		if err := h.codec.DecodeInto(r.Value, &x); err != nil {
			return err
		}
		rejects[x.Reason]++
		return nil
	})
	if err != nil {
		return err
	}
	if err := report.Print(ctx, os.Stdout, db, rejects); err != nil {
		return err
	}
	trusted, err := record.LoadVerifier(h.vkey)
	if err != nil {
		return err
	}
	fmt.Println()
	r, err := verify.Run(ctx, verify.Options{Topics: log{h.client}, Codec: h.codec, Trusted: trusted, Rows: verify.ClickHouse{Conn: db}, Deep: true})
	if err != nil {
		return err
	}
	printVerified(r)
	return r.Err()
}

// settle waits until ClickHouse has every record and every window up to a time.
func (h *here) settle(ctx context.Context, rows verify.ClickHouse, until int64) error {
	step("waiting for the last record and window to reach ClickHouse")
	ctx, cancel := context.WithTimeoutCause(ctx, settleTime, fmt.Errorf("not within %v; see the log", settleTime))
	defer cancel()
	return rows.Wait(ctx, until)
}

func (h *here) hints(c *upCommand) {
	fmt.Printf(`
It stays up until Ctrl-C. To try next:

  curl '%s/?database=%s' --data "SELECT case_type, handler, cases, csat, complaint_rate FROM segment_windows_7d
    WHERE window_end = (SELECT max(window_end) FROM metrics WHERE window = '7d') ORDER BY cases DESC FORMAT PrettyCompact"
  kcat -b %s -t case.escalations -C -e -f '%%k  offset %%o  %%S bytes of Avro\n'        (or: bin/casetrail tail escalations --from-beginning)
  bin/casetrail verify --deep --kafka-brokers %s --schema-registry %s --clickhouse-url %s --ledger-key %s
`, "http://"+c.ClickHouseListen, databaseName, h.cluster.Brokers[0], h.cluster.Brokers[0], h.cluster.Registry, h.cluster.ClickHouse, h.vkey)
}
