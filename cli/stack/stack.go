// Package stack runs the embedded broker, schema registry and ClickHouse engine on a data directory. Casetrail's services
// can't tell them from the real ones: they know three addresses.
package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/casetrail/casetrail/cli/embedded/broker"
	"github.com/casetrail/casetrail/cli/embedded/clickhouse"
	"github.com/casetrail/casetrail/cli/embedded/registry"
)

// Options are where the stack lives and listens.
type Options struct {
	DataDir    string
	CacheDir   string   // where the engine's library is kept, so that it is fetched once
	Kafka      string   // host:port on this machine; empty runs no broker
	Brokers    []string // of a cluster that runs already, where Kafka is empty
	Registry   string   // host:port on this machine
	ClickHouse string   // host:port on this machine; empty runs no engine
	// Engine is the command line that runs clickhouse.Serve in a process of its own, given library, directory and address.
	Engine   func(lib, dir, addr string) []string
	Progress io.Writer    // what is fetched is shown here
	Log      func(string) // lines for an operator
}

// Stack is a running stack.
type Stack struct {
	Brokers    []string
	Registry   string // URL
	ClickHouse string // URL; empty where no engine runs

	broker   *broker.Broker
	registry *registry.Registry
	http     *http.Server
	served   chan error
	engine   *clickhouse.Process
}

// Start fetches the engine's library where it is missing and starts all three. An address in use, a directory in use or a
// platform without an engine is an error that says what to do.
func Start(ctx context.Context, o Options) (s *Stack, err error) {
	s = &Stack{served: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	for what, addr := range map[string]string{"kafka": o.Kafka, "registry": o.Registry, "clickhouse": o.ClickHouse} {
		if err := free(what, addr); err != nil {
			return s, err
		}
	}
	lib := ""
	if o.ClickHouse != "" {
		if lib, err = clickhouse.Fetch(ctx, o.CacheDir, o.Progress); err != nil {
			return s, err
		}
	}
	if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
		return s, err
	}
	s.Brokers = o.Brokers
	if o.Kafka != "" {
		if s.broker, err = broker.Start(ctx, broker.Options{DataDir: filepath.Join(o.DataDir, "kafka"), Addr: o.Kafka, Log: o.Log}); err != nil {
			return s, err
		}
		s.Brokers = []string{s.broker.Addr()}
	}
	if err := s.startRegistry(ctx, o); err != nil {
		return s, err
	}
	if o.ClickHouse != "" {
		dir := filepath.Join(o.DataDir, "clickhouse")
		if s.engine, err = clickhouse.Start(ctx, clickhouse.StartOptions{Command: o.Engine(lib, dir, o.ClickHouse), DataDir: dir}); err != nil {
			return s, err
		}
		s.ClickHouse = s.engine.URL()
	}
	return s, nil
}

// free says early and clearly that an address is taken.
func free(what, addr string) error {
	if addr == "" {
		return nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%s can't be had for the embedded %s: %w; is another Casetrail running (make down)? or choose another with --%s-listen", addr, what, err, what)
	}
	return l.Close()
}

func (s *Stack) startRegistry(ctx context.Context, o Options) (err error) {
	if s.registry, err = registry.New(ctx, registry.Options{Brokers: s.Brokers}); err != nil {
		return err
	}
	l, err := net.Listen("tcp", o.Registry)
	if err != nil {
		return fmt.Errorf("embedded registry: %w; choose another address with --registry-listen", err)
	}
	s.Registry = "http://" + l.Addr().String()
	s.http = &http.Server{Handler: s.registry, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	go func() { s.served <- s.http.Serve(l) }()
	return nil
}

// Wait returns an error when the engine or the registry ends by itself, and nil when ctx ends.
func (s *Stack) Wait(ctx context.Context) error {
	var engine <-chan struct{}
	if s.engine != nil {
		engine = s.engine.Done()
	}
	select {
	case <-ctx.Done():
		return nil
	case <-engine:
		return fmt.Errorf("the ClickHouse engine has ended: %w", s.engine.Err())
	case err := <-s.served:
		return fmt.Errorf("the schema registry has ended: %w", err)
	}
}

// EnginePID is the engine's process, for measurements; 0 where none runs.
func (s *Stack) EnginePID() int {
	if s.engine == nil {
		return 0
	}
	return s.engine.Pid()
}

// Stop ends what runs, in the reverse order of the start.
func (s *Stack) Stop() error {
	var errs []error
	if s.engine != nil {
		errs = append(errs, s.engine.Stop())
	}
	if s.http != nil {
		errs = append(errs, s.http.Close())
	}
	if s.registry != nil {
		s.registry.Close()
	}
	if s.broker != nil {
		errs = append(errs, s.broker.Close())
	}
	return errors.Join(errs...)
}
