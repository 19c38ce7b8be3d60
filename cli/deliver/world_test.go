package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"github.com/casetrail/casetrail/cli/embedded/broker"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var codec = schemas.NewOfflineCodec(pipelines.Subjects(pipelines.Delivery)...)

// world is a broker with conduct.alerts, a receiver that behaves as the test says, and what it got.
type world struct {
	t       *testing.T
	cfg     kafka.Config
	server  *httptest.Server
	secret  *standardwebhooks.Webhook
	client  *http.Client
	written int64

	mu       sync.Mutex
	answer   func(n int, id string, w http.ResponseWriter) // to the n-th request, from 1
	requests []request
	left     []string // ids that were left out
	retries  []error
}

type request struct {
	id   string
	body []byte
	took bool // it was answered with 2xx
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, client: NewClient()}
	b, err := broker.Start(t.Context(), broker.Options{DataDir: t.TempDir(), Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	w.cfg = kafka.Config{Brokers: []string{b.Addr()}, SessionTimeout: 2 * time.Second}
	c := w.connect()
	if err := kafka.EnsureTopics(t.Context(), c, []kafka.Topic{{Name: pipelines.ConductAlerts, Partitions: 1}}); err != nil {
		t.Fatal(err)
	}
	if w.secret, err = standardwebhooks.NewWebhookRaw(make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.server.Close)
	t.Cleanup(w.client.CloseIdleConnections)
	return w
}

func (w *world) connect() *kafka.Client {
	c, err := kafka.NewClient(w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

// serve takes a request whose signature is right, and answers as the test says.
func (w *world) serve(out http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return // the client went away
	}
	if err := w.secret.Verify(body, in.Header); err != nil {
		w.t.Errorf("%v: %v", in.Header, err)
	}
	w.mu.Lock()
	id := in.Header.Get(standardwebhooks.HeaderWebhookID)
	w.requests = append(w.requests, request{id: id, body: body})
	n, answer := len(w.requests), w.answer
	w.mu.Unlock()
	if answer != nil {
		rec := httptest.NewRecorder()
		answer(n, id, rec)
		for k, v := range rec.Header() {
			out.Header()[k] = v
		}
		out.WriteHeader(rec.Code)
		if rec.Code >= 300 {
			return
		}
	}
	w.mu.Lock()
	w.requests[n-1].took = true
	w.mu.Unlock()
}

// publish puts n alerts of cases into the topic, as the aggregator would.
func (w *world) publish(n int) {
	p := kafka.NewPublisher(w.connect(), nil)
	defer p.Close()
	var recs []stage.Record
	for range n {
		w.written++
		a := breach(w.written)
		recs = append(recs, stage.Record{Topic: pipelines.ConductAlerts, Key: []byte("k"), Stage: pipelines.Aggregator,
			Position: stage.Position{Offset: w.written}, Value: codec.Append(nil, pipelines.ConductAlerts, a)})
	}
	w.write(p, recs...)
}

func (w *world) write(p *kafka.Publisher, recs ...stage.Record) {
	if err := p.Publish(w.t.Context(), recs); err != nil {
		w.t.Fatal(err)
	}
}

func breach(n int64) *schemas.SegmentAlert {
	return &schemas.SegmentAlert{Alert: schemas.AlertKindGuardBreach, CaseType: "dispute", Handler: "human", RaisedAt: 1_800_000_000_000 + n,
		Summary: "An AI wrote.", CaseID: schemas.Some(fmt.Sprintf("case %d", n))}
}

var quick = Pace{First: time.Millisecond, Last: 5 * time.Millisecond, After: 20 * time.Millisecond, Refusals: 3}

// start delivers to the webhook until stop is called, which returns what the delivery returned.
func (w *world) start() (stop func()) { return w.startOn(w.cfg) }

func (w *world) startOn(cfg kafka.Config) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	u, err := url.Parse(w.server.URL + "/hook")
	if err != nil {
		w.t.Fatal(err)
	}
	to := &Webhook{URL: u, Secret: w.secret, Client: w.client, Now: time.Now,
		Fields: func(m schemas.Message) json.RawMessage {
			return json.RawMessage(`"` + m.(*schemas.SegmentAlert).CaseID.Value + `"`)
		}}
	ended := make(chan error, 1)
	go func() { ended <- kafka.Run(ctx, cfg, Definition(ctx, codec, to, w, quick), nil) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	}
}

// Delivered implements Keeper.
func (*world) Delivered(*Alert) {}

// Retry implements Keeper.
func (w *world) Retry(_ *Alert, _ time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.retries = append(w.retries, err)
}

// Undeliverable implements Keeper.
func (w *world) Undeliverable(a *Alert, _ *stage.Record, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what := err.Error()
	if a != nil {
		what = a.CaseID.Value
	}
	w.left = append(w.left, what)
}

// taken are the cases that the receiver has taken, each once, in the order in which they came first, and how many
// requests it took in all.
func (w *world) taken() (cases []string, all int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := map[string]string{}
	for _, r := range w.requests {
		if !r.took {
			continue
		}
		all++
		var e event
		if err := json.Unmarshal(r.body, &e); err != nil {
			w.t.Errorf("%s: %v", r.body, err)
		}
		if body, again := ids[r.id]; !again {
			ids[r.id] = string(e.Data)
			cases = append(cases, string(e.Data))
		} else if body != string(e.Data) {
			w.t.Errorf("id %s is of %s and of %s", r.id, body, e.Data)
		}
	}
	return cases, all
}

func (w *world) await(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			w.t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// has waits until the receiver has all alerts, in order.
func (w *world) has(from, to int64) {
	w.t.Helper()
	var want []string
	for n := from; n <= to; n++ {
		want = append(want, fmt.Sprintf(`"case %d"`, n))
	}
	w.await(fmt.Sprintf("%d to %d are delivered", from, to), func() bool {
		got, _ := w.taken()
		return len(got) >= len(want)
	})
	if got, _ := w.taken(); !slices.Equal(got, want) {
		w.t.Errorf("got %v, want %v", got, want)
	}
}

// committed waits until the delivery has committed that it is done with n alerts: the receiver has them before.
func (w *world) committed(n int64) {
	w.t.Helper()
	c := w.connect()
	w.await(fmt.Sprintf("%d are committed", n), func() bool {
		groups, err := c.Groups(w.t.Context(), pipelines.ConductAlerts)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, at := range groups {
			if at[stage.TopicPartition{Topic: pipelines.ConductAlerts}] >= n {
				return true
			}
		}
		return false
	})
}

// lock runs f while nothing else changes.
func (w *world) lock(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// cut is a network that can go away.
type cut struct {
	mu    sync.Mutex
	gone  bool
	conns []net.Conn
}

var errCut = errors.New("the network is cut")

func (c *cut) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return nil, errCut
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		c.conns = append(c.conns, conn)
	}
	return conn, err
}

func (c *cut) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}
