package clickhouse

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// stopTime is what Stop gives the child to close before it kills it: longer than Serve takes to give up.
const stopTime = 2*drainTimeout + 5*time.Second

// Process is a running engine. Its methods may be called from any goroutine.
type Process struct {
	url  string
	cmd  *exec.Cmd
	life *os.File // the child dies when this end of the pipe closes, even by our death
	done chan struct{}
	err  error // valid after done
}

// URL is where the engine answers, "http://host:port".
func (p *Process) URL() string { return p.url }

// Done is closed when the process has ended, on its own or by Stop.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the process ended; nil before Done is closed, and if it ended well.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Pid is the process's id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Stop ends the process: it asks, waits 15 s, and then kills. It returns nil if the engine closed cleanly, and
// is harmless once the process has ended.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return errors.Join(err, p.kill())
	}
	select {
	case <-p.done:
		return p.err
	case <-time.After(stopTime):
		return errors.Join(errors.New("ClickHouse didn't close in time and was killed"), p.kill())
	}
}

// kill ends the process at once and waits until it is gone.
func (p *Process) kill() error {
	err := p.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	if err == nil {
		<-p.done
	}
	return err
}

// start starts the command and watches for its end. All of it happens on one thread that stays: on Linux the
// child's death signal comes when the thread that made the child ends, not the process.
func (p *Process) start() error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = p.cmd.Wait()
		p.err = errors.Join(err, p.life.Close())
		close(p.done)
	}()
	return <-started
}
