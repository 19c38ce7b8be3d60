package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/casetrail/casetrail/cli/stack"
	"github.com/casetrail/casetrail/e2e/realkafka"
)

// Kind is what a pipeline stands on.
type Kind string

// The kinds.
const (
	Embedded Kind = "embedded" // broker, registry and engine as casetrail embedded runs them
	Kafka    Kind = "kafka"    // Apache Kafka, with the embedded registry and engine
)

// Kinds are all kinds.
var Kinds = []Kind{Embedded, Kafka}

// startTime is how long anything may take to be ready, on a machine that has other things to do.
const startTime = 90 * time.Second

// Stack is the three addresses that Casetrail knows.
type Stack struct {
	Brokers    []string
	Registry   string
	ClickHouse string             // without the database
	Cluster    *realkafka.Cluster // nil where the broker is the embedded one
	Logs       string             // the directory of the broker's (first node's) logs, with one directory a partition

	down, up func()
}

// Cache is where the engine's library is kept.
func Cache(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("CASETRAIL_CACHE"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "casetrail")
}

// Address is a free one on this machine.
func Address(t testing.TB) string {
	t.Helper()
	ports, err := realkafka.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0])
}

func (k Kind) start(t testing.TB, dir string, opts []realkafka.Option) Stack {
	t.Helper()
	if k == Kafka {
		return onKafka(t, dir, opts)
	}
	kafka, registry, engine := Address(t), Address(t), Address(t)
	log := filepath.Join(dir, "embedded.log")
	out := Stack{Brokers: []string{kafka}, Registry: "http://" + registry, ClickHouse: "http://" + engine, Logs: filepath.Join(dir, "data", "kafka", "partitions")}
	var p *Process
	out.up = func() {
		t.Helper()
		if err := os.Remove(log); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		p = start(t, "embedded", log, nil, Binary(t, "casetrail"), "embedded", "--data", filepath.Join(dir, "data"),
			"--cache", Cache(t), "--kafka-listen", kafka, "--registry-listen", registry, "--clickhouse-listen", engine)
		Eventually(t, "the embedded stack is ready", startTime, func() bool {
			if !p.Running() {
				p.t.Fatalf("it has ended:\n%s", p.Log())
			}
			return strings.Contains(p.Log(), "\nready\n")
		})
	}
	out.down = func() { p.Kill() }
	out.up()
	t.Cleanup(func() {
		if t.Failed() {
			p.tell()
		}
		p.Stop()
	})
	return out
}

func onKafka(t testing.TB, dir string, opts []realkafka.Option) Stack {
	t.Helper()
	cluster := realkafka.Start(t, opts...)
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	s, err := stack.Start(ctx, stack.Options{DataDir: filepath.Join(dir, "data"), CacheDir: Cache(t), Brokers: cluster.Brokers,
		Registry: "127.0.0.1:0", ClickHouse: Address(t),
		Engine: func(lib, dir, addr string) []string {
			return []string{Binary(t, "casetrail"), "embedded-clickhouse", "--lib", lib, "--dir", dir, "--listen", addr}
		}, Progress: os.Stderr, Log: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("stop the stack: %v", err)
		}
	})
	out := Stack{Brokers: s.Brokers, Registry: s.Registry, ClickHouse: s.ClickHouse, Cluster: cluster, Logs: cluster.Logs(0)}
	out.down = func() { cluster.Kill(0) }
	out.up = func() {
		t.Helper()
		if err := cluster.Restart(0); err != nil {
			t.Fatal(err)
		}
	}
	if _, faults, code := Run(ctx, t, out.env(), Binary(t, "casetrail"), "topics", "create"); code != 0 {
		t.Fatalf("topics create: %s", faults)
	}
	return out
}

// BrokerDown is kill -9 of the broker (of its first node, on Apache Kafka), and of what else runs in its process.
func (s Stack) BrokerDown() { s.down() }

// BrokerUp starts it again on the data that is there, and waits until it serves.
func (s Stack) BrokerUp() { s.up() }

// env is the stack as Casetrail's programs take it from the environment.
func (s Stack) env() []string {
	return []string{"CASETRAIL_KAFKA_BROKERS=" + strings.Join(s.Brokers, ","), "CASETRAIL_SCHEMA_REGISTRY=" + s.Registry,
		"CASETRAIL_CLICKHOUSE_URL=" + s.ClickHouse + "/casetrail"}
}
