package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	zaptest "go.uber.org/zap/zaptest/observer"

	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type settings struct {
	Config `embed:""`
	Extra  string `env:"CASETRAIL_EXTRA" default:"x" help:"Something of this service alone."`
}

func valid() Config {
	return Config{Brokers: []string{"127.0.0.1:9092"}, Registry: "http://127.0.0.1:8081", LogLevel: "info"}
}

func TestValidateReportsEveryFault(t *testing.T) {
	c := valid()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	c = Config{Brokers: []string{"kafka.example:9092", "nonsense"}, Registry: "ftp://x", LogLevel: "loud", Admin: "here",
		Compression: "rar", User: "u", TLSCA: "ca.pem", SessionTimeout: -1}
	err := c.Validate()
	for _, want := range []string{"kafka.example:9092", "nonsense", "ftp://x", "loud", "--admin-listen", "rar", "password", "--kafka-tls", "session-timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %s in: %v", want, err)
		}
	}
	if !errors.Is(err, kafka.ErrPlaintext) {
		t.Error("plaintext to another machine was not refused")
	}
}

func TestPlaintextRegistry(t *testing.T) {
	c := valid()
	c.Registry = "http://registry.example:8081"
	if !errors.Is(c.Validate(), kafka.ErrPlaintext) {
		t.Error("plaintext to another machine was not refused")
	}
	c.AllowPlaintext = true
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.Registry = "https://user:secret@registry.example"
	if err := c.Validate(); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("credentials in the URL: %v", err)
	}
}

func TestPasswordFile(t *testing.T) {
	c := valid()
	c.User, c.PasswordFile = "u", filepath.Join(t.TempDir(), "p")
	if err := os.WriteFile(c.PasswordFile, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := c.Kafka()
	if err != nil || k.Password != "secret" {
		t.Errorf("%q, %v", k.Password, err)
	}
	t.Setenv("CASETRAIL_KAFKA_PASSWORD", "from the environment")
	c.PasswordFile = ""
	if k, err = c.Kafka(); err != nil || k.Password != "from the environment" {
		t.Errorf("%q, %v", k.Password, err)
	}
}

func run(ctx context.Context, s *settings, f func(context.Context, *Shell) error, args ...string) (int, string) {
	var out bytes.Buffer
	code := execute(ctx, "thing", "Does a thing.", s, f, args, &out, &out)
	return code, out.String()
}

func TestHelpExplainsEverySetting(t *testing.T) {
	code, out := run(t.Context(), &settings{}, nil, "--help")
	if code != 0 || !strings.Contains(out, "Does a thing.") {
		t.Fatalf("%d: %s", code, out)
	}
	for _, want := range []string{"--kafka-brokers", "CASETRAIL_KAFKA_BROKERS", "--extra", "CASETRAIL_EXTRA", "--admin-listen", "--log-level"} {
		if !strings.Contains(out, want) {
			t.Errorf("no word of %s in:\n%s", want, out)
		}
	}
}

func TestExecute(t *testing.T) {
	t.Setenv("CASETRAIL_ADMIN_LISTEN", "127.0.0.1:0")
	t.Setenv("CASETRAIL_EXTRA", "y")
	ctx, cancel := context.WithCancel(t.Context())
	s := &settings{}
	code, out := run(ctx, s, func(ctx context.Context, sh *Shell) error {
		if sh.Name != "thing" || s.Extra != "y" || sh.Config.Brokers[0] != "127.0.0.1:1" {
			t.Errorf("%q, %+v", sh.Name, s)
		}
		cancel()
		<-ctx.Done()
		return nil
	}, "--kafka-brokers", "127.0.0.1:1")
	if code != 0 {
		t.Errorf("%d: %s", code, out)
	}
	if code, out = run(t.Context(), &settings{}, nil, "--log-level", "loud"); code != 2 || !strings.Contains(out, "loud") {
		t.Errorf("%d: %s", code, out)
	}
	code, _ = run(t.Context(), &settings{}, func(context.Context, *Shell) error { return errors.New("broken") })
	if code != 1 {
		t.Errorf("exit code %d after an error", code)
	}
}

func TestOneFailureEndsTheOthers(t *testing.T) {
	core, logs := zaptest.New(zap.InfoLevel)
	h := HostWith(zap.New(core))
	broken := errors.New("broken")
	err := h.Run(t.Context(), "", map[*Shell]func(context.Context, *Shell) error{
		h.Shell("a", valid()): func(context.Context, *Shell) error { return broken },
		h.Shell("b", valid()): func(ctx context.Context, _ *Shell) error { <-ctx.Done(); return nil },
	})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	if n := logs.FilterMessage("failed").FilterField(zap.String("service", "a")).Len(); n != 1 {
		t.Errorf("failure logged %d times", n)
	}
}

// What ended because another failed, or because it was told to, does not drown why.
func TestTheEndIsNoFailure(t *testing.T) {
	h := HostWith(zap.NewNop())
	broken := errors.New("broken")
	ended := func(ctx context.Context, _ *Shell) error {
		<-ctx.Done()
		return fmt.Errorf("gave up: %w", ctx.Err())
	}
	err := h.Run(t.Context(), "", map[*Shell]func(context.Context, *Shell) error{
		h.Shell("a", valid()): func(context.Context, *Shell) error { return broken }, h.Shell("b", valid()): ended})
	if !errors.Is(err, broken) || errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Run(ctx, "", map[*Shell]func(context.Context, *Shell) error{h.Shell("c", valid()): ended}); err != nil {
		t.Error(err)
	}
}

func TestLateServiceIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := HostWith(zap.NewNop())
		ctx, cancel := context.WithCancel(context.Background())
		free := make(chan struct{})
		cancel()
		began := time.Now()
		err := h.Run(ctx, "", map[*Shell]func(context.Context, *Shell) error{
			h.Shell("a", valid()): func(context.Context, *Shell) error { <-free; return nil },
		})
		if err == nil || time.Since(began) != stopTime {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		close(free)
	})
}

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	r := httptest.NewRecorder()
	h.ServeHTTP(r, httptest.NewRequest(http.MethodGet, path, nil))
	b, _ := io.ReadAll(r.Body)
	return r.Code, string(b)
}

func TestAdmin(t *testing.T) {
	h := HostWith(zap.NewNop())
	a, b := h.Shell("a", valid()), h.Shell("b", valid())
	oa, err := a.Observer("router")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Observer("router"); err != nil {
		t.Fatal(err)
	}
	if code, _ := get(t, h.Handler(), "/healthz"); code != 200 {
		t.Error("not alive:", code)
	}
	oa.Rebalance([]int32{1, 2})
	if code, body := get(t, h.Handler(), "/readyz"); code != 503 || !strings.Contains(body, `"b"`) || strings.Contains(body, `"a"`) {
		t.Error(code, body)
	}
	b.NotReady("clickhouse is away")
	if code, body := get(t, h.Handler(), "/readyz"); code != 503 || !strings.Contains(body, "clickhouse is away") {
		t.Error(code, body)
	}
	b.SetReady(true)
	if code, _ := get(t, h.Handler(), "/readyz"); code != 200 {
		t.Error("not ready:", code)
	}
	oa.Step(kafka.Step{In: 3, Out: 4, Rejects: 1, Dropped: 2, Took: time.Millisecond, Age: time.Second})
	oa.Lag(stage.TopicPartition{Topic: "in", Partition: 2}, 7)
	oa.Retry("fetch", net.ErrClosed)
	_, body := get(t, h.Handler(), "/metrics")
	for _, want := range []string{
		`casetrail_stage_records_in_total{service="a",stage="router"} 3`,
		`casetrail_stage_lag{partition="2",service="a",stage="router",topic="in"} 7`,
		`casetrail_stage_retries_total{service="a",stage="router",what="fetch"} 1`,
		`casetrail_stage_records_in_total{service="b",stage="router"} 0`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
}
