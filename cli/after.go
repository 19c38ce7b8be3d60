package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

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
	reasons, err := h.reasons(ctx)
	if err != nil {
		return err
	}
	open, err := h.open(ctx)
	if err != nil {
		return err
	}
	report.PrintOpen(os.Stdout, open)
	if err := report.Print(ctx, os.Stdout, db, reasons, rejects); err != nil {
		return err
	}
	trusted, err := record.LoadVerifier(h.vkey)
	if err != nil {
		return err
	}
	metrics, err := record.LoadVerifier(h.metricKey)
	if err != nil {
		return err
	}
	fmt.Println()
	r, err := verify.Run(ctx, verify.Options{Topics: log{h.client, h.codec}, Codec: h.codec, Trusted: trusted, Rows: verify.ClickHouse{Conn: db}, Deep: true,
		Metrics: []note.Verifier{metrics}})
	if err != nil {
		return err
	}
	printVerified(r)
	return r.Err()
}

// open are the last alerts of the episodes of drift that are open.
func (h *here) open(ctx context.Context) ([]schemas.SegmentAlert, error) {
	open := map[string]schemas.SegmentAlert{}
	err := h.client.ReadAll(ctx, pipelines.ConductAlerts, func(r stage.Record) error {
		var a schemas.SegmentAlert
		if err := h.codec.DecodeInto(r.Value, &a); err != nil {
			return err
		}
		if e := &a.Episode.Value; a.Episode.Set && e.State == schemas.EpisodeStateClosed {
			delete(open, e.ID)
		} else if a.Episode.Set {
			open[e.ID] = a
		}
		return nil
	})
	return slices.Collect(maps.Values(open)), err
}

// reasons counts the cases by why they went where they went when the customer had said what they are about.
func (h *here) reasons(ctx context.Context) (map[string]int, error) {
	out, seen := map[string]int{}, map[string]bool{}
	for _, topic := range []string{pipelines.WorkAI, pipelines.WorkHuman} {
		err := h.client.ReadAll(ctx, topic, func(r stage.Record) error {
			var w schemas.WorkItem
			if err := h.codec.DecodeInto(r.Value, &w); err != nil {
				return err
			}
			if w.AIProbability.Set && !seen[w.CaseID] {
				seen[w.CaseID] = true
				out[w.Reason.String()]++
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// settle waits until ClickHouse has every record and every window up to a time.
func (h *here) settle(ctx context.Context, rows verify.ClickHouse, until int64) error {
	step("waiting for the last record and window to reach ClickHouse")
	ctx, cancel := context.WithTimeoutCause(ctx, settleTime, fmt.Errorf("not within %v; see the log", settleTime))
	defer cancel()
	return rows.Wait(ctx, until)
}

// hints prints what to try next, with the addresses where they are not the usual ones.
func (h *here) hints(c *upCommand) {
	flags := ""
	for name, v := range map[string][2]string{
		"kafka-brokers": {h.cluster.Brokers[0], "127.0.0.1:9092"}, "schema-registry": {h.cluster.Registry, "http://127.0.0.1:8081"},
		"clickhouse-url": {h.cluster.ClickHouse, "http://127.0.0.1:8123/casetrail"},
	} {
		if v[0] != v[1] {
			flags += " --" + name + " " + v[0]
		}
	}
	key := ""
	if rel := relative(h.vkey); rel != "data/keys/ledger.vkey" {
		key = " --ledger-key " + rel
	}
	fmt.Printf(`
It stays up until Ctrl-C, and takes events at http://%s/v1/events. To try next, in another terminal:

  curl '%s/?database=%s' --data "SELECT case_type, handler, cases, csat, complaint_rate
      FROM segment_windows_7d WHERE window_end = (SELECT max(window_end) FROM metrics WHERE window = '7d')
      ORDER BY cases DESC FORMAT PrettyCompactMonoBlock"

  kcat -C -e -q -b %s -t case.escalations -f 'case %%k: escalated, %%S bytes of Avro at partition %%p offset %%o\n' | tail -3
  bin/casetrail tail escalations --from-beginning%s      # the same, decoded

  bin/casetrail verify --deep%s

`, c.HTTPListen, strings.TrimSuffix(h.cluster.ClickHouse, "/"+databaseName), databaseName, h.cluster.Brokers[0], flags, flags+key)
}

// relative is a path as the user would type it.
func relative(path string) string {
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, path); err == nil && !strings.HasPrefix(rel, "..") {
			return rel
		}
	}
	return path
}
