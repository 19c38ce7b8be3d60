package harness

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopTime is how long a program may take to end after SIGTERM.
const stopTime = 5 * time.Second

// Process is a program in the background, and its log.
type Process struct {
	t    testing.TB
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended, after done
}

// start runs a program until Stop or Kill, or the end of the test process however that comes. What it prints is added
// to the log file.
func start(t testing.TB, name, log string, env []string, argv ...string) *Process {
	t.Helper()
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // the child has its own
	p := &Process{t: t, name: name, log: log, cmd: exec.Command(argv[0], argv[1:]...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = f, f, append(os.Environ(), env...)
	p.cmd.SysProcAttr = attributes()
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the child's death signal comes with the end of the thread that made it
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	return p
}

// Background runs a program until it ends, or the test does.
func Background(t testing.TB, name string, env []string, argv ...string) *Process {
	t.Helper()
	p := start(t, name, filepath.Join(t.TempDir(), "log"), env, argv...)
	t.Cleanup(func() {
		if t.Failed() {
			p.tell()
		}
		if p.Running() {
			p.Kill()
		}
	})
	return p
}

// Running tells whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Killed tells, of a process that has ended, whether it was by kill -9, its own included.
func (p *Process) Killed() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signal() == syscall.SIGKILL
}

// Kill is kill -9. The process must not have ended before, unless by that.
func (p *Process) Kill() {
	p.t.Helper()
	_ = p.cmd.Process.Kill()
	<-p.done
	if !p.Killed() {
		p.t.Errorf("%s had ended by itself: %v", p.name, p.cmd.ProcessState)
	}
}

// Pause freezes the process, so that to others it is dead; Resume lets it go on as if nothing had been.
func (p *Process) Pause() { p.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (p *Process) Resume() { p.signal(syscall.SIGCONT) }

// Interrupt is what Ctrl-C does.
func (p *Process) Interrupt() { p.signal(syscall.SIGINT) }

func (p *Process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Errorf("%v to %s: %v", s, p.name, err)
	}
}

// Stop asks the process to end. It must, in time and with exit code 0.
func (p *Process) Stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // a test that failed may have left it frozen
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	if code := p.Wait(stopTime); code != 0 {
		p.t.Errorf("%s ended with exit code %d after SIGTERM", p.name, code)
	}
}

// Wait waits for the end and returns the exit code.
func (p *Process) Wait(atMost time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(atMost):
		p.t.Errorf("%s has not ended within %v", p.name, atMost)
		p.Kill()
	}
	return p.cmd.ProcessState.ExitCode()
}

// Log is what the process has printed, without what progress bars have overwritten.
func (p *Process) Log() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Error(err)
	}
	return overwritten.ReplaceAllString(string(b), "")
}

var overwritten = regexp.MustCompile(`(?m)^[^\n]*\r`)

// tell shows the end of the log, for whoever has to find out why a test failed.
func (p *Process) tell() {
	const most, widest = 40, 300
	lines := strings.Split(strings.TrimSpace(p.Log()), "\n")
	lines = lines[max(0, len(lines)-most):]
	for i, line := range lines {
		lines[i] = line[:min(widest, len(line))]
	}
	p.t.Logf("--- %s (%v), the end of its log:\n%s", p.name, p.cmd.ProcessState, strings.Join(lines, "\n"))
}

// Run runs a program to its end and returns what it printed on standard output and on standard error, and its exit code.
func Run(ctx context.Context, t testing.TB, env []string, argv ...string) (out, complaints string, code int) {
	t.Helper()
	return run(ctx, t, env, "", argv...)
}

func run(ctx context.Context, t testing.TB, env []string, stdin string, argv ...string) (out, complaints string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env, cmd.WaitDelay = &stdout, &stderr, append(os.Environ(), env...), stopTime
	cmd.Stdin = strings.NewReader(stdin)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// Eventually waits for a condition, and fails the test where it does not come.
func Eventually(t testing.TB, what string, atMost time.Duration, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(atMost)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", atMost, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
