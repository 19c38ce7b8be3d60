package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"
)

// Settings is a service's configuration: a pointer to a struct that embeds Config. Where the struct has a Validate of
// its own, that one calls Config's.
type Settings interface {
	Shared() *Config
	Validate() error
}

// stopTime is how long a service may take to stop.
const stopTime = 5 * time.Second

// Main runs a service as a whole process and does not return: it reads settings from the arguments and the
// environment, and runs run until that returns or SIGTERM or SIGINT comes. Then ctx ends, and run has five seconds to
// return nil. The exit code is 0 after a clean end, 1 after an error, which is logged, and 2 when the settings are wrong.
// With healthcheck as its first argument the process asks the one that runs whether it is ready, and ends with 0 or 1.
func Main(name, about string, settings Settings, run func(ctx context.Context, s *Shell) error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(execute(ctx, name, about, settings, run, os.Args[1:], os.Stdout, os.Stderr))
}

func execute(ctx context.Context, name, about string, settings Settings, run func(context.Context, *Shell) error, args []string, out, errOut io.Writer) int {
	helped := false
	parser, err := kong.New(settings, kong.Name(name), kong.Description(about), kong.Writers(out, errOut), kong.Exit(func(int) { helped = true }))
	if err != nil {
		fmt.Fprintln(errOut, err)
		return 2
	}
	healthcheck := len(args) > 0 && args[0] == "healthcheck"
	if healthcheck {
		args = args[1:]
	}
	_, err = parser.Parse(args)
	if helped {
		return 0
	}
	if healthcheck && err == nil {
		return checkHealth(ctx, settings.Shared().Admin, errOut)
	}
	if err == nil {
		err = settings.Validate()
	}
	if err != nil {
		fmt.Fprintf(errOut, "%s: %v\n", name, err)
		return 2
	}
	host, err := NewHost(settings.Shared().LogLevel)
	if err != nil {
		fmt.Fprintln(errOut, err)
		return 2
	}
	defer func() { _ = host.Log.Sync() }() // standard error need not support it
	if err := host.Run(ctx, settings.Shared().Admin, map[*Shell]func(context.Context, *Shell) error{
		host.Shell(name, *settings.Shared()): run,
	}); err != nil {
		return 1
	}
	return 0
}

// Run runs services side by side, and the admin endpoints at address, until ctx ends or one of them fails; then it ends
// the others. It logs each error and returns them joined. A service that has not stopped five seconds after the
// end is left behind: the error then says so, and the process should exit.
func (h *Host) Run(ctx context.Context, address string, services map[*Shell]func(context.Context, *Shell) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		shell *Shell
		err   error
	}
	results := make(chan result, len(services)+1)
	for s, run := range services {
		go func() {
			s.Log.Info("starting")
			err := run(ctx, s)
			if err == nil && ctx.Err() == nil {
				err = errors.New("ended by itself")
			}
			results <- result{s, err}
		}()
	}
	go func() { results <- result{nil, h.Serve(ctx, address)} }()
	var errs []error
	var late <-chan time.Time
	ended := ctx.Done()
	for left := len(services) + 1; left > 0; {
		select {
		case r := <-results:
			left--
			if ctx.Err() != nil && errors.Is(r.err, context.Canceled) {
				r.err = nil // it was ended, and says so
			}
			log := h.Log
			if r.shell != nil {
				r.shell.SetReady(false)
				log = r.shell.Log
			}
			if r.err != nil {
				log.Error("failed", zap.Error(r.err))
				errs = append(errs, r.err)
				cancel()
			} else if r.shell != nil {
				log.Info("stopped")
			}
		case <-ended:
			h.Log.Info("stopping")
			ended, late = nil, time.After(stopTime)
		case <-late:
			err := fmt.Errorf("%d parts did not stop within %v", left, stopTime)
			h.Log.Error("failed", zap.Error(err))
			return errors.Join(append(errs, err)...)
		}
	}
	return errors.Join(errs...)
}
