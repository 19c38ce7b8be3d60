package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// audit times what an auditor runs, over the ledgers that a throughput run has left: verify from Kafka, from ClickHouse and from an
// export, and the export itself. Each is a process of its own, so its start is in the figures.
func audit(ctx context.Context, w *world) error {
	var records uint64
	if err := w.db.QueryRow(ctx, "SELECT count() FROM records").Scan(&records); err != nil {
		return err
	}
	dir := filepath.Join(w.dir, "export")
	at := []string{"--ledger-key", filepath.Join(w.dir, "ledger.vkey"), "--kafka-brokers", w.brokers[0], "--schema-registry", w.registry, "--clickhouse-url", w.clickhouse + "/casetrail"}
	unit := signature()
	fmt.Printf("\n## Audit of %d records\n\n| command | records a second | CPU us a record | CPU, in Ed25519 verifications a record | CPU us a record of broker, registry and ClickHouse meanwhile |\n|---|---|---|---|---|\n", records)
	for _, args := range [][]string{
		{"verify", "--no-clickhouse"}, {"verify", "--clickhouse"}, {"export", dir, "--no-clickhouse"}, {"verify", dir},
		{"verify", "--no-clickhouse", "--no-signatures"}, {"verify", "--clickhouse", "--no-signatures"}, {"verify", dir, "--no-signatures"},
	} {
		if err := w.timed(ctx, filepath.Join(w.bin, "casetrail"), slices.Concat(args, at), strings.ReplaceAll("casetrail "+strings.Join(args, " "), dir, "DIR"), records, unit); err != nil {
			return err
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "records.jsonl"))
	if err != nil {
		return err
	}
	for _, flags := range [][]string{nil, {"-no-signatures"}} {
		args := slices.Concat(flags, []string{"-vkey", filepath.Join(w.dir, "ledger.vkey")}, files)
		if err := w.timed(ctx, filepath.Join(w.bin, "verify"), args, strings.TrimSpace("bin/verify "+strings.Join(flags, " ")+" DIR/*/records.jsonl"), records, unit); err != nil {
			return err
		}
	}
	if err := w.started(ctx); err != nil {
		return err
	}
	fmt.Printf("\nan Ed25519 verification by crypto/ed25519, alone on a core, in this run: %.1f us CPU\n", unit*1e6)
	return nil
}

func (w *world) timed(ctx context.Context, name string, args []string, label string, records uint64, unit float64) error {
	cmd := exec.CommandContext(ctx, name, args...)
	before := w.served()
	begin := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", label, err, out)
	}
	took := time.Since(begin).Seconds()
	cpu := (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds() / float64(records)
	fmt.Printf("| %s | %.0f | %.2f | %.2f | %.2f |\n", label, float64(records)/took, cpu*1e6, cpu/unit, (w.served()-before)/float64(records)*1e6)
	return nil
}

// served is the CPU that broker, registry and engine have used, in seconds.
func (w *world) served() (sum float64) {
	for _, p := range w.infra {
		sum += cpuSeconds(p.pid)
	}
	return sum
}

// started prints what the start of a command takes.
func (w *world) started(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(w.bin, "casetrail"), "version")
	begin := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("casetrail version: %w: %s", err, out)
	}
	fmt.Printf("\nstart of a casetrail that does nothing, which is in the figures: %.0f ms, %.0f ms CPU\n", time.Since(begin).Seconds()*1000,
		(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()).Seconds()*1000)
	return nil
}

// signature is how many CPU seconds a verification of Ed25519 takes here and now.
func signature() float64 {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	msg := make([]byte, 300)
	sig := ed25519.Sign(key, msg)
	public := key.Public().(ed25519.PublicKey)
	const n = 10_000
	before := cpuSeconds(os.Getpid())
	for range n {
		ed25519.Verify(public, msg, sig)
	}
	return (cpuSeconds(os.Getpid()) - before) / n
}
