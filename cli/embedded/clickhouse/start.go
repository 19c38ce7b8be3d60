package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// StartOptions say which child Start makes.
type StartOptions struct {
	// Command is the argv of a process that calls Serve, for example this program with a hidden subcommand.
	// It should let SIGTERM end Serve's context.
	Command []string
	// DataDir is the one that the command gives to Serve. The child's standard error goes to engine.log in it.
	DataDir string
	// Patience bounds the wait for an answer; 0 means a minute. Opening takes well below a second,
	// longer after a crash with many tables.
	Patience time.Duration
}

const logName = "engine.log"

// Start starts the engine's process and returns when it answers. ctx and opt.Patience bound the start alone; the
// process then runs until Stop, or the end of this process however that comes. An error wraps ErrDirInUse,
// ErrAddrInUse, ErrCorrupt or ErrNoLibrary where it is one of these, and ends with the child's last words.
func Start(ctx context.Context, opt StartOptions) (*Process, error) {
	if len(opt.Command) == 0 {
		return nil, errors.New("start ClickHouse: no command")
	}
	if opt.Patience <= 0 {
		opt.Patience = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, opt.Patience)
	defer cancel()
	if err := os.MkdirAll(opt.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("start ClickHouse: %w", err)
	}
	log, err := openLog(filepath.Join(opt.DataDir, logName))
	if err != nil {
		return nil, fmt.Errorf("start ClickHouse: %w", err)
	}
	defer log.file.Close() // the child has its own
	p, reports, err := spawn(opt.Command, log.file)
	if err != nil {
		return nil, fmt.Errorf("start ClickHouse: %w", err)
	}
	defer reports.Close()
	if err := p.await(ctx, reports); err != nil {
		err = errors.Join(err, p.kill())
		if tail := log.tail(); tail != "" {
			err = fmt.Errorf("%w\nthe last lines of %s:\n%s", err, log.file.Name(), tail)
		}
		return nil, fmt.Errorf("start ClickHouse: %w", err)
	}
	return p, nil
}

// spawn starts the child with its two pipes and returns the reading end of its report.
func spawn(command []string, stderr *os.File) (*Process, *os.File, error) {
	lifeline, life, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer lifeline.Close()
	reports, out, err := os.Pipe()
	if err != nil {
		return nil, nil, errors.Join(err, life.Close())
	}
	defer out.Close()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), childVariable+"=1")
	cmd.Stdout, cmd.Stderr = stderr, stderr
	cmd.ExtraFiles = []*os.File{lifeline, out} // as lifelineFD and reportFD
	cmd.SysProcAttr = childAttributes()
	p := &Process{cmd: cmd, life: life, done: make(chan struct{})}
	if err := p.start(); err != nil {
		return nil, nil, errors.Join(err, life.Close(), reports.Close())
	}
	return p, reports, nil
}

// await returns when the child has reported that it serves and answers a ping.
func (p *Process) await(ctx context.Context, reports *os.File) error {
	type answer struct {
		report report
		err    error
	}
	got := make(chan answer, 1)
	go func() {
		var a answer
		a.err = json.NewDecoder(io.LimitReader(reports, 1<<20)).Decode(&a.report)
		got <- a
	}()
	select {
	case a := <-got:
		switch {
		case a.err != nil:
			return p.silent(ctx)
		case a.report.Error != "":
			return told{a.report.Error, kinds[a.report.Kind]}
		}
		p.url = a.report.URL
		return ping(ctx, p.url)
	case <-ctx.Done():
		return fmt.Errorf("it didn't answer in time: %w", ctx.Err())
	}
}

// silent says how a child ended that reported nothing: it crashed, or isn't one that calls Serve.
func (p *Process) silent(ctx context.Context) error {
	select {
	case <-p.done:
		if p.err == nil {
			return errors.New("the process ended without a word")
		}
		return fmt.Errorf("the process ended: %w", p.err)
	case <-ctx.Done():
		return fmt.Errorf("it closed its report and went on: %w", ctx.Err())
	}
}

func ping(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/ping", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers a ping with %s", resp.Status)
	}
	return nil
}
