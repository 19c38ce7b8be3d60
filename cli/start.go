package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/casetrail/casetrail/cli/stack"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/policies"
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	aggregator "github.com/casetrail/casetrail/services/aggregator/service"
	sink "github.com/casetrail/casetrail/services/clickhouse-sink/service"
	"github.com/casetrail/casetrail/services/intake/customers"
	intake "github.com/casetrail/casetrail/services/intake/service"
	signer "github.com/casetrail/casetrail/services/record-signer/service"
	router "github.com/casetrail/casetrail/services/router/service"
)

const (
	ledgerName   = "casetrail/local"
	ledgerKey    = "ledger"
	operatorKey  = "operator"
	metricKey    = "aggregator"
	customerKey  = "customers"
	databaseName = "casetrail"
	readyTime    = 60 * time.Second
)

func newClient(brokers []string) (*kafka.Client, error) {
	return kafka.NewClient(kafka.Config{Brokers: brokers})
}

// keys makes the ledger's, the operator's and the aggregator's key and the customers' secret where they are missing.
func keys(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range []string{ledgerKey, operatorKey, metricKey} {
		if _, err := os.Stat(filepath.Join(dir, name+".key")); err == nil {
			continue
		}
		if _, _, err := record.CreateKey(dir, name); err != nil {
			return err
		}
	}
	path := filepath.Join(dir, customerKey+".secret")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return customers.Create(path)
}

// start makes topics, keys and policy where they are missing, and runs the five services in this process.
func (c *upCommand) start(ctx context.Context, cancel context.CancelCauseFunc, s *stack.Stack, logFile *os.File, running chan struct{}) (h *here, err error) {
	defer func() {
		if err != nil && h == nil {
			close(running)
		}
	}()
	dir := filepath.Join(c.Data, "keys")
	if err := keys(dir); err != nil {
		return nil, err
	}
	client, err := newClient(s.Brokers)
	if err != nil {
		return nil, err
	}
	if err := createTopics(ctx, client, c.Partitions, 0); err != nil {
		return nil, fmt.Errorf("%w; the data in %s were made otherwise: use the --partitions of the first up, or forget them with make clean", err, c.Data)
	}
	codec, err := schemas.Register(ctx, s.Registry, pipelines.Subjects(""))
	if err != nil {
		return nil, err
	}
	base := process.Config{Brokers: s.Brokers, Registry: s.Registry, LogLevel: "info", SessionTimeout: 6 * time.Second}
	database := c.OwnClickHouse
	if database == "" {
		database = s.ClickHouse + "/" + databaseName
	}
	h = &here{client: client, codec: codec, cluster: cluster{Config: base, ClickHouse: database}, vkey: filepath.Join(dir, ledgerKey+".vkey"),
		metricKey: filepath.Join(dir, metricKey+".vkey")}
	services := map[string]func(context.Context, *process.Shell) error{
		pipelines.Intake: (&intake.Config{Config: base, Listen: c.HTTPListen, Clock: "event", PolicyKey: filepath.Join(dir, operatorKey+".vkey"),
			CustomerKey: filepath.Join(dir, customerKey+".secret")}).Run,
		pipelines.Router:       (&router.Config{Config: base}).Run,
		pipelines.RecordSigner: (&signer.Config{Config: base, Ledger: ledgerName, Key: signingKeys(dir), CheckpointDir: filepath.Join(c.Data, "checkpoints")}).Run,
		pipelines.Aggregator:   (&aggregator.Config{Config: base, Ledger: ledgerName, LedgerKey: h.vkey, Key: filepath.Join(dir, metricKey+".key")}).Run,
		pipelines.Sink:         (&sink.Config{Config: base, Ledger: ledgerName, LedgerKey: h.vkey, MetricKey: []string{h.metricKey}, ClickHouse: database}).Run,
	}
	host := process.HostWith(logger(logFile))
	shells := map[*process.Shell]func(context.Context, *process.Shell) error{}
	for name, run := range services {
		shells[host.Shell(name, base)] = run
	}
	go func() {
		defer close(running)
		if err := host.Run(ctx, c.AdminListen, shells); err != nil {
			cancel(failure{fmt.Errorf("%w (more in %s)", err, logFile.Name())})
		}
	}()
	if err := h.ready(ctx, host); err != nil {
		return h, cause(ctx, err)
	}
	return h, h.policy(ctx, c.Data)
}

// signingKeys are the files of the ledger's first key, and of those that replaced it, ledger-….key, by name.
func signingKeys(dir string) []string {
	later, _ := filepath.Glob(filepath.Join(dir, ledgerKey+"-*.key")) // the pattern is good
	return append([]string{filepath.Join(dir, ledgerKey+".key")}, later...)
}

// ready waits until every service is, and says meanwhile what it waits for.
func (h *here) ready(ctx context.Context, host *process.Host) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for next := time.Now().Add(sayTime); !host.Ready(); {
		if time.Now().After(next) {
			next = next.Add(sayTime)
			for name, why := range host.Waiting() {
				step("still waiting for %s: %s", name, why)
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("not all services were ready within %v: %v", readyTime, host.Waiting())
		}
	}
	return nil
}

// sayTime is how often up says what it waits for.
const sayTime = 5 * time.Second

// policy puts the shipped policy in force on the first up.
func (h *here) policy(ctx context.Context, data string) error {
	mark := filepath.Join(data, "policy.applied")
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	key, err := readSigner(filepath.Join(data, "keys", operatorKey+".key"))
	if err != nil {
		return err
	}
	version, err := applyPolicy(ctx, h.client, h.codec, policies.Default, key)
	if err != nil {
		return cause(ctx, err)
	}
	step("policy %s is in force in every partition", version)
	return os.WriteFile(mark, []byte(version+"\n"), 0o600)
}

// logger writes JSON lines to a file.
func logger(f *os.File) *zap.Logger {
	e := zap.NewProductionEncoderConfig()
	e.TimeKey, e.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	core := zapcore.NewCore(zapcore.NewJSONEncoder(e), zapcore.AddSync(f), zapcore.InfoLevel)
	return zap.New(zapcore.NewSamplerWithOptions(core, time.Second, 100, 100))
}
