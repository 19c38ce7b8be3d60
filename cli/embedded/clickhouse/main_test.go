package clickhouse

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test binary is also the child, and the parent of a child, that the tests start.
const (
	roleVariable = "CLICKHOUSE_TEST_ROLE"
	libVariable  = "CLICKHOUSE_TEST_LIB"
)

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "child":
		err = childMain(os.Args[1], os.Args[2])
	case "parent":
		err = parentMain(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func childMain(dir, addr string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return Serve(ctx, Options{Lib: os.Getenv(libVariable), DataDir: dir, Addr: addr, MaxQueries: 8,
		Log: func(s string) { fmt.Fprintln(os.Stderr, s) }})
}

// parentMain starts a child, says where it is and waits to be killed.
func parentMain(dir string) error {
	os.Setenv(roleVariable, "child")
	p, err := Start(context.Background(), StartOptions{Command: []string{os.Args[0], dir, "127.0.0.1:0"}, DataDir: dir})
	if err != nil {
		return err
	}
	fmt.Printf("%s %d\n", p.URL(), p.Pid())
	<-p.Done()
	return p.Err()
}

var fetched = sync.OnceValues(func() (string, error) {
	cache := os.Getenv("CASETRAIL_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		cache = filepath.Join(dir, "casetrail")
	}
	return Fetch(context.Background(), cache, os.Stderr)
})

// needLibrary returns the real one. Without it the tests are skipped, but never on CI.
func needLibrary(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: -short leaves out what needs the ClickHouse library")
	}
	_, lookErr := exec.LookPath("npm")
	lib, err := fetched()
	if err != nil && lookErr != nil && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED, NOTHING OF THE ENGINE WAS TESTED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// start starts a child on dir and an address, and stops it at the test's end.
func start(t testing.TB, dir, addr string) (*Process, error) {
	t.Helper()
	t.Setenv(libVariable, needLibrary(t))
	t.Setenv(roleVariable, "child")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(t.Context(), StartOptions{Command: []string{exe, dir, addr}, DataDir: dir})
	if err == nil {
		t.Cleanup(func() {
			if err := p.kill(); err != nil {
				t.Error(err)
			}
		})
	}
	return p, err
}

func mustStart(t testing.TB, dir string) *Process {
	t.Helper()
	p, err := start(t, dir, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ask posts SQL and returns status and body. params are alternating names and values.
func ask(t testing.TB, p *Process, sql string, params ...string) (int, string) {
	t.Helper()
	return send(t, http.MethodPost, p, strings.NewReader(sql), params...)
}

func send(t testing.TB, method string, p *Process, body io.Reader, params ...string) (int, string) {
	t.Helper()
	req := post(t, p, body, params...)
	req.Method = method
	return do(t, req)
}

func values(params ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(params); i += 2 {
		v.Set(params[i], params[i+1])
	}
	return v
}

// want runs SQL and compares its result.
func want(t testing.TB, p *Process, expected, sql string, params ...string) {
	t.Helper()
	status, got := ask(t, p, sql, params...)
	if status != http.StatusOK || got != expected {
		t.Errorf("%s\n got %d %q\nwant 200 %q", sql, status, got, expected)
	}
}

func exec1(t testing.TB, p *Process, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if status, got := ask(t, p, sql); status != http.StatusOK {
			t.Fatalf("%s\n%d %s", sql, status, got)
		}
	}
}

// until waits for a condition, within a bound.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
