package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// Options are what Serve needs to know.
type Options struct {
	Lib     string // the library, as Fetch returned it
	DataDir string // made if it isn't there
	Addr    string // host:port on loopback; port 0 lets the system choose

	// AllowRemote lets Addr be beyond loopback. There are no passwords: whoever reaches the port may do anything.
	AllowRemote bool
	// MaxQueries bounds the statements that run at the same time; 0 means 32. More wait 10 s for their turn.
	MaxQueries int
	// Log gets lines for an operator; nil drops them.
	Log func(string)
}

// Serve opens the engine on opt.DataDir and answers ClickHouse's HTTP interface on opt.Addr until ctx is done;
// then it lets running statements end for 5 s, kills what still runs, closes the engine and returns nil. Started
// by Start, it also ends when the parent is gone, and tells the parent why it couldn't start.
//
// In a child on Linux it first starts the program over, shut in by the kernel so that no SQL reaches files outside
// the data directory: whoever calls it does so before anything else.
//
// It is the whole life of a process: it takes over file descriptor 0, and it can be called once. What a client
// was told is inserted is on disk, so being killed at any time loses nothing that was acknowledged.
func Serve(ctx context.Context, opt Options) error {
	var shut error
	if isChild() {
		// The directory must be there to be named in a rule.
		if shut = os.MkdirAll(opt.DataDir, 0o700); shut == nil {
			shut = confine(opt)
		}
	}
	ctx, parent := joinParent(ctx)
	err := shut
	if err == nil {
		err = serve(ctx, opt, parent)
	}
	if err != nil {
		parent.failed(err)
	}
	return err
}

func serve(ctx context.Context, opt Options, parent *parent) (err error) {
	if opt.Log == nil {
		opt.Log = func(string) {}
	}
	if opt.MaxQueries <= 0 {
		opt.MaxQueries = defaultQueries
	}
	if err := errors.Join(closeStdin(), os.Setenv("TZ", "UTC")); err != nil { // no setting does it
		return err
	}
	if err := os.MkdirAll(opt.DataDir, 0o700); err != nil {
		return err
	}
	lock, err := lockDir(ctx, opt.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	listener, err := listen(opt)
	if err != nil {
		return err
	}
	defer listener.Close() // http.Server has closed it before, but where opening fails
	begin := time.Now()
	e, err := openEngine(opt.Lib, opt.DataDir)
	if err != nil {
		return err
	}
	opt.Log(fmt.Sprintf("ClickHouse %s open after %v on %s", e.version, time.Since(begin).Round(time.Millisecond), listener.Addr()))
	s := &server{
		engine:   e,
		sessions: &sessions{open: e.open, m: map[string]*session{}},
		slots:    make(chan struct{}, opt.MaxQueries),
		local:    !opt.AllowRemote,
		log:      opt.Log,
	}
	if err := parent.ready("http://" + listener.Addr().String()); err != nil {
		e.close()
		return err
	}
	return s.serve(ctx, listener)
}

// serve answers until ctx is done and closes the engine.
func (s *server) serve(ctx context.Context, listener net.Listener) error {
	web := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
	}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	var fault error
	select {
	case fault = <-failed:
	case <-ctx.Done():
	}
	idle := s.gate.shut()
	if !within(drainTimeout, idle) {
		fault = errors.Join(fault, s.engine.kill("is_cancelled = 0 AND query NOT ILIKE 'KILL%'"))
		if !within(drainTimeout, idle) {
			return errors.Join(fault, web.Close(), errors.New("statements still run; the engine was left open and will recover"))
		}
	}
	fault = errors.Join(fault, flush(web))
	s.sessions.close()
	s.engine.close()
	return fault
}

// flush lets the last answers out and closes all connections. It doesn't wait for those that a client has merely
// opened ahead, as http.Server.Shutdown would for five seconds.
func flush(web *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if web.Shutdown(ctx) == nil {
		return nil
	}
	return web.Close()
}

func within(d time.Duration, done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-time.After(d):
		return false
	}
}

// listen takes the address before the engine opens, so that a taken one costs no time.
func listen(opt Options) (net.Listener, error) {
	addr, err := net.ResolveTCPAddr("tcp", opt.Addr)
	if err != nil {
		return nil, fmt.Errorf("the ClickHouse address %q: %w", opt.Addr, err)
	}
	if !opt.AllowRemote && !addr.IP.IsLoopback() {
		return nil, fmt.Errorf("the ClickHouse address %q is beyond loopback, and the embedded engine has no passwords: use 127.0.0.1", opt.Addr)
	}
	l, err := net.ListenTCP("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%w: something else listens on %s; stop it or choose another port", ErrAddrInUse, opt.Addr)
	}
	return l, err
}
