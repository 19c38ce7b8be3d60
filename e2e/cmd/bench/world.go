package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/casetrail/casetrail/cli/stack"
	"github.com/casetrail/casetrail/e2e/realkafka"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/schemas"
)

var services = []string{"intake", "router", "record-signer", "aggregator", "clickhouse-sink"}

// world is a whole Casetrail, each service a process of its own.
type world struct {
	dir, bin   string
	brokers    []string
	registry   string
	clickhouse string
	client     *kafka.Client
	codec      *schemas.Codec
	db         driver.Conn
	infra      []*proc
	services   map[string]*proc
	stops      []func()
}

// begin starts brokers, registry and engine, and makes topics and keys.
func begin(ctx context.Context, bin, kind string) (w *world, err error) {
	w = &world{bin: bin, services: map[string]*proc{}}
	if w.dir, err = os.MkdirTemp("", "casetrail-bench-"); err != nil {
		return nil, err
	}
	w.stops = append(w.stops, func() { _ = os.RemoveAll(w.dir) })
	if kind == "kafka" {
		err = w.realKafka(ctx)
	} else {
		err = w.embedded(ctx)
	}
	if err != nil {
		return w, err
	}
	if w.client, err = kafka.NewClient(kafka.Config{Brokers: w.brokers}); err != nil {
		return w, err
	}
	if w.codec, err = schemas.Register(ctx, w.registry, pipelines.Subjects("")); err != nil {
		return w, err
	}
	for _, key := range []string{"ledger", "operator", "aggregator"} {
		if err := w.run(ctx, "keys", "create", key, "--dir", w.dir); err != nil {
			return w, err
		}
	}
	if err := w.run(ctx, "keys", "customers", "--dir", w.dir); err != nil {
		return w, err
	}
	opt, err := clickhouse.ParseDSN(w.clickhouse + "/casetrail")
	if err == nil {
		w.db, err = clickhouse.Open(opt)
	}
	return w, err
}

func (w *world) embedded(ctx context.Context) error {
	p, err := spawn(w.dir, "embedded", filepath.Join(w.bin, "casetrail"), "embedded", "--data", w.dir, "--kafka-listen", port(), "--registry-listen", port(), "--clickhouse-listen", port())
	if err != nil {
		return err
	}
	w.stops = append(w.stops, p.stop)
	said, err := lines(ctx, filepath.Join(w.dir, "embedded.log"))
	if err != nil {
		return err
	}
	url, pid, _ := strings.Cut(said["clickhouse"], " pid ")
	engine := &proc{name: "ClickHouse engine"}
	_, _ = fmt.Sscan(pid, &engine.pid)
	p.name = "broker and registry"
	w.brokers, w.registry, w.clickhouse, w.infra = []string{said["kafka"]}, said["registry"], url, []*proc{p, engine}
	return nil
}

// realKafka runs Apache Kafka, with the embedded registry and engine.
func (w *world) realKafka(ctx context.Context) error {
	c, err := realkafka.Run()
	if err != nil {
		return err
	}
	w.stops = append(w.stops, c.Close)
	s, err := stack.Start(ctx, stack.Options{DataDir: w.dir, CacheDir: cacheDir(), Brokers: c.Brokers, Registry: port(), ClickHouse: port(),
		Engine: func(lib, dir, addr string) []string {
			return []string{filepath.Join(w.bin, "casetrail"), "embedded-clickhouse", "--lib", lib, "--dir", dir, "--listen", addr}
		}, Progress: os.Stderr})
	if err != nil {
		return err
	}
	w.stops = append(w.stops, func() { _ = s.Stop() })
	w.brokers, w.registry, w.clickhouse = c.Brokers, s.Registry, s.ClickHouse
	w.infra = []*proc{{name: "Apache Kafka", pid: c.PID(0)}, {name: "ClickHouse engine", pid: s.EnginePID()}}
	return w.run(ctx, "topics", "create", "--kafka-brokers", c.Brokers[0])
}

func cacheDir() string {
	if d := os.Getenv("CASETRAIL_CACHE"); d != "" {
		return d
	}
	d, _ := os.UserCacheDir()
	return filepath.Join(d, "casetrail")
}

// start starts a service and waits until it is ready.
func (w *world) start(ctx context.Context, name string) error {
	admin := port()
	argv := []string{filepath.Join(w.bin, name), "--kafka-brokers", strings.Join(w.brokers, ","), "--schema-registry", w.registry, "--admin-listen", admin}
	vkey := filepath.Join(w.dir, "ledger.vkey")
	switch name {
	case "intake":
		argv = append(argv, "--http-listen", "", "--policy-key", filepath.Join(w.dir, "operator.vkey"), "--customer-key", filepath.Join(w.dir, "customers.secret"))
	case "record-signer":
		argv = append(argv, "--key", filepath.Join(w.dir, "ledger.key"), "--checkpoint-dir", filepath.Join(w.dir, "checkpoints"))
	case "aggregator":
		argv = append(argv, "--ledger-key", vkey, "--key", filepath.Join(w.dir, "aggregator.key"))
	case "clickhouse-sink":
		argv = append(argv, "--ledger-key", vkey, "--metric-key", filepath.Join(w.dir, "aggregator.vkey"), "--clickhouse-url", w.clickhouse+"/casetrail")
	}
	p, err := spawn(w.dir, name, argv...)
	if err != nil {
		return err
	}
	w.services[name] = p
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := ready(ctx, admin); err != nil {
		b, _ := os.ReadFile(filepath.Join(w.dir, name+".log"))
		return fmt.Errorf("%s is not ready: %w: %s", name, err, b)
	}
	return nil
}

func (w *world) startAll(ctx context.Context) error {
	for _, name := range services {
		if err := w.start(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) stopServices() {
	for name, p := range w.services {
		p.stop()
		delete(w.services, name)
	}
}

func (w *world) run(ctx context.Context, args ...string) error {
	p, err := spawn(w.dir, "command", append([]string{filepath.Join(w.bin, "casetrail")}, args...)...)
	if err == nil {
		err = p.cmd.Wait()
	}
	if err != nil {
		b, _ := os.ReadFile(filepath.Join(w.dir, "command.log"))
		return fmt.Errorf("casetrail %s: %w: %s", strings.Join(args, " "), err, b)
	}
	return nil
}

func (w *world) end() {
	w.stopServices()
	for i := len(w.stops) - 1; i >= 0; i-- {
		w.stops[i]()
	}
}

// procs are all processes, in the order of the pipeline.
func (w *world) procs() (out []*proc) {
	for _, name := range services {
		if p := w.services[name]; p != nil {
			out = append(out, p)
		}
	}
	return append(out, w.infra...)
}
