package e2e

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/casetrail/casetrail/cli/embedded/clickhouse"
	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"
)

// The test binary is also the engine's process: it is started again with this argument, a directory and an address.
const engineRole = "embedded-clickhouse"

func TestSinkEngineProcess(t *testing.T) {
	if flag.Arg(0) != engineRole {
		return // only the engine's own process does something here
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := clickhouse.Serve(ctx, clickhouse.Options{Lib: os.Getenv(engineRole), DataDir: flag.Arg(1), Addr: flag.Arg(2)}); err != nil {
		t.Fatal(err)
	}
}

var engineLibrary = sync.OnceValues(func() (string, error) {
	cache := os.Getenv("CASETRAIL_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		cache = filepath.Join(dir, "casetrail")
	}
	return clickhouse.Fetch(context.Background(), cache, os.Stderr)
})

// engine is an embedded ClickHouse that can be killed and started again at the same address.
type engine struct {
	t    testing.TB
	dir  string
	addr string
	proc *clickhouse.Process
}

func startEngine(t testing.TB) *engine {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out what needs the ClickHouse library")
	}
	lib, err := engineLibrary()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(engineRole, lib)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, dir: t.TempDir(), addr: l.Addr().String()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	e.start()
	t.Cleanup(func() { _ = e.proc.Stop() }) // some tests have killed it
	return e
}

func (e *engine) start() {
	e.t.Helper()
	p, err := clickhouse.Start(context.Background(), clickhouse.StartOptions{
		Command: []string{os.Args[0], "-test.run=^TestSinkEngineProcess$", engineRole, e.dir, e.addr}, DataDir: e.dir})
	if err != nil {
		e.t.Fatal(err)
	}
	e.proc = p
}

// kill is kill -9.
func (e *engine) kill() {
	if err := syscall.Kill(e.proc.Pid(), syscall.SIGKILL); err != nil {
		e.t.Error(err)
	}
	<-e.proc.Done()
}

func (e *engine) url(database string) string { return fmt.Sprintf("http://%s/%s", e.addr, database) }

// database opens one of the engine's databases, whose tables are made.
func (e *engine) database(name string) *insert.Database {
	e.t.Helper()
	db, err := insert.Open(e.url(name))
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(context.Background()); err != nil {
		e.t.Fatal(err)
	}
	return db
}
