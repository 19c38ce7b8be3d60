// Command casetrail runs Casetrail on one machine, plays conversations into it, and is the operator's and the auditor's
// way in: policy, verify, tail, topics, keys.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/casetrail/casetrail/services/intake/classify/assess"
)

type commands struct {
	Up        upCommand        `cmd:"" help:"Run the whole pipeline on this machine, with conversations flowing through it."`
	Down      downCommand      `cmd:"" help:"Stop what up started."`
	Embedded  embeddedCommand  `cmd:"" help:"Run only the embedded broker, schema registry and ClickHouse engine; the services run elsewhere."`
	Replay    replayCommand    `cmd:"" help:"Play conversations into a running Casetrail, as a chat platform would."`
	Simulate  simulateCommand  `cmd:"" help:"Play a made-up company whose segments get worse while the aggregate stands still."`
	Policy    policyCommand    `cmd:"" help:"Check a policy, or put it in force."`
	Verify    verifyCommand    `cmd:"" help:"Check the ledger and what is derived from it, trusting nothing but a public key."`
	Export    exportCommand    `cmd:"" help:"Write the ledger to files that others check: tlog-tiles, DSSE, Parquet, and for the offline verifier."`
	Receipt   receiptCommand   `cmd:"" help:"Write a case's receipts: files that prove offline what the ledger has about it."`
	Erase     eraseCommand     `cmd:"" help:"Erase customers: what is left of them can't be tied to a person any more. Writes a certificate."`
	Labels    labelsCommand    `cmd:"" help:"Print what humans said the case types are, as CSV to train and calibrate the classifier with."`
	Tail      tailCommand      `cmd:"" help:"Print messages as they come."`
	Alerts    alertsCommand    `cmd:"" set:"admin=127.0.0.1:9401" help:"Hand alerts to a webhook or to Alertmanager."`
	Topics    topicsCommand    `cmd:"" help:"Print the topics: what they hold, who writes and who reads; or make them."`
	Keys      keysCommand      `cmd:"" help:"Make, show, rotate and revoke signing keys."`
	Ledger    ledgerCommand    `cmd:"" help:"Seal the ledgers, and begin the next."`
	Classify  classifyCommand  `cmd:"" help:"Say what the classifier finds in a message, and where it would go."`
	Train     trainCommand     `cmd:"" help:"Make a classifier from labelled messages of your own."`
	Calibrate calibrateCommand `cmd:"" help:"Find the threshold that keeps the leak within its budget, from labelled messages."`
	Eval      evalCommand      `cmd:"" help:"Judge the classifier, or what is heard besides the case type, by labelled messages."`
	Version   versionCommand   `cmd:"" help:"Print the version."`

	EmbeddedClickHouse engineCommand `cmd:"" name:"embedded-clickhouse" hidden:""`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	var c commands
	k := kong.Parse(&c, kong.Name("casetrail"), kong.Vars{"mix": assess.AssumedMix.String()}, kong.Description("Keeps an AI customer-service deployment honest."),
		kong.ShortUsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	err := k.Run()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		os.Exit(130)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "casetrail: %v\n", err)
		os.Exit(1)
	}
}
