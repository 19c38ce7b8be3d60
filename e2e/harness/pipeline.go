package harness

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/casetrail/casetrail/e2e/realkafka"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/schemas"
)

// Services are the names of all services, upstream first.
var Services = []string{pipelines.Intake, pipelines.Router, pipelines.RecordSigner, pipelines.Aggregator, pipelines.Sink}

// Ledger is what the names of the ledgers begin with.
const Ledger = "casetrail/e2e"

// Options say what differs from one replica of each service, by the wall clock, under the shipped policy.
type Options struct {
	EventClock bool           // intake reckons by the events' own time
	Replicas   map[string]int // of a service
	Without    []string       // services that the test starts itself
	NoPolicy   bool           // leave every case to humans
	Session    time.Duration  // how long a silent replica keeps its partitions; 3 s where zero
	Kafka      []realkafka.Option
	// Brokers is where a replica of a service finds Apache Kafka, where that is not the brokers' own addresses.
	Brokers func(c *realkafka.Cluster, name string, replica int) []string
	// Dir is where everything is kept, with Apache Kafka's data and log in it; one of the test's own where empty.
	Dir string
}

// Pipeline is a whole Casetrail.
type Pipeline struct {
	Stack
	Kind   Kind
	Client *kafka.Client
	Codec  *schemas.Codec
	HTTP   string // URL of intake

	t        testing.TB
	opt      Options
	dir      string
	services map[string][]*Service
}

// Start starts one and ends it with the test: every service must then stop in time, with exit code 0.
func Start(t testing.TB, kind Kind, opt Options) *Pipeline {
	t.Helper()
	dir := opt.Dir
	if dir == "" {
		dir = t.TempDir()
	} else {
		opt.Kafka = append(slices.Clip(opt.Kafka), realkafka.Dir(dir))
	}
	opt.Session = cmp.Or(opt.Session, 3*time.Second)
	p := &Pipeline{Stack: kind.start(t, dir, opt.Kafka), Kind: kind, HTTP: "http://" + Address(t), t: t, opt: opt, dir: dir, services: map[string][]*Service{}}
	for _, name := range []string{"ledger", "operator", "aggregator"} {
		p.Casetrail("keys", "create", name, "--dir", dir)
	}
	p.Casetrail("keys", "customers", "--dir", dir)
	var err error
	if p.Client, err = kafka.NewClient(kafka.Config{Brokers: p.Brokers}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Client.Close)
	if p.Codec, err = schemas.Register(t.Context(), p.Registry, pipelines.Subjects("")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	for _, name := range Services {
		p.add(name)
	}
	for _, all := range p.services {
		for _, s := range all {
			s.Ready()
		}
	}
	if !opt.NoPolicy {
		p.Casetrail("policy", "apply", filepath.Join(Root(), "pipelines", "policies", "default.yaml"), "--key", p.Key("operator.key"))
	}
	return p
}

// add starts a service's replicas, but for those that the test starts itself.
func (p *Pipeline) add(name string) {
	for _, not := range p.opt.Without {
		if name == not {
			return
		}
	}
	for range max(1, p.opt.Replicas[name]) {
		p.Add(name)
	}
}

// Add starts one more replica of a service. Further arguments replace the usual ones.
func (p *Pipeline) Add(name string, args ...string) *Service {
	p.t.Helper()
	replica := len(p.services[name])
	s := &Service{pipeline: p, Name: name, Admin: "http://" + Address(p.t), log: filepath.Join(p.dir, fmt.Sprintf("%s-%d.log", name, replica))}
	s.args = append(p.arguments(name, replica), args...)
	if p.opt.Brokers != nil {
		s.args = append(s.args, "--kafka-brokers", strings.Join(p.opt.Brokers(p.Cluster, name, replica), ","))
	}
	p.services[name] = append(p.services[name], s)
	s.Start()
	return s
}

func (p *Pipeline) arguments(name string, replica int) []string {
	args := []string{"--kafka-session-timeout", p.opt.Session.String()}
	trust := []string{"--ledger", Ledger, "--ledger-key", p.Key("ledger.vkey")}
	switch name {
	case pipelines.Intake:
		args = append(args, "--policy-key", p.Key("operator.vkey"), "--customer-key", p.Key("customers.secret"))
		if p.opt.EventClock {
			args = append(args, "--clock", "event")
		}
		if replica == 0 {
			return append(args, "--http-listen", p.HTTP[len("http://"):])
		}
		return append(args, "--http-listen", "")
	case pipelines.RecordSigner:
		return append(args, "--ledger", Ledger, "--key", p.Key("ledger.key"), "--checkpoint-dir", filepath.Join(p.dir, fmt.Sprintf("checkpoints-%d", replica)))
	case pipelines.Aggregator:
		return append(append(args, trust...), "--key", p.Key("aggregator.key"))
	case pipelines.Sink:
		return append(append(args, trust...), "--metric-key", p.Key("aggregator.vkey"), "--clickhouse-url", p.ClickHouse+"/casetrail")
	}
	return args
}

// In is the same pipeline for a subtest: what fails, fails that one.
func (p *Pipeline) In(t testing.TB) *Pipeline {
	sub := *p
	sub.t = t
	return &sub
}

// Key is the path of a key's file.
func (p *Pipeline) Key(file string) string { return filepath.Join(p.dir, file) }

// Service is a replica of a service.
func (p *Pipeline) Service(name string, replica int) *Service { return p.services[name][replica] }

// stop ends all services at once.
func (p *Pipeline) stop() {
	var wg sync.WaitGroup
	for _, name := range Services {
		for _, s := range p.services[name] {
			if p.t.Failed() {
				s.tell()
			}
			wg.Go(s.Stop)
		}
	}
	wg.Wait()
}

// Try runs casetrail against this pipeline and returns what it printed and its exit code.
func (p *Pipeline) Try(args ...string) (out, complaints string, code int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Minute)
	defer cancel()
	return Run(ctx, p.t, p.env(), append([]string{Binary(p.t, "casetrail")}, args...)...)
}

// Tell runs casetrail against this pipeline with something on its standard input. With env, it is one with a fault in it: see
// pipelines/inject.
func (p *Pipeline) Tell(stdin string, env []string, args ...string) (out, complaints string, code int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Minute)
	defer cancel()
	binary := Binary(p.t, "casetrail")
	if env != nil || inject.On {
		binary = Injected(p.t, "casetrail")
	}
	return run(ctx, p.t, append(p.env(), env...), stdin, append([]string{binary}, args...)...)
}

// Casetrail runs casetrail against this pipeline; it must succeed.
func (p *Pipeline) Casetrail(args ...string) string {
	p.t.Helper()
	out, complaints, code := p.Try(args...)
	if code != 0 {
		p.t.Fatalf("casetrail %v: exit code %d\n%s\n%s", args, code, out, complaints)
	}
	return out
}

// Background runs casetrail against this pipeline until it ends, or the test does.
func (p *Pipeline) Background(t testing.TB, args ...string) *Process {
	t.Helper()
	return Background(t, "casetrail "+args[0], p.env(), append([]string{Binary(t, "casetrail")}, args...)...)
}

func (p *Pipeline) env() []string {
	return append(p.Stack.env(), "CASETRAIL_LEDGER_KEY="+p.Key("ledger.vkey"), "CASETRAIL_METRIC_KEY="+p.Key("aggregator.vkey"))
}
