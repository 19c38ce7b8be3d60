// Package service runs intake: alone as a process, or beside the other services in one.
package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/net/netutil"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/intake/customers"
	intakehttp "github.com/casetrail/casetrail/services/intake/http"
	"github.com/casetrail/casetrail/services/intake/remote"
	"github.com/casetrail/casetrail/services/intake/signals"
	"github.com/casetrail/casetrail/services/intake/stream"
)

// About is what --help says.
const About = "Takes chat events over HTTP and Kafka, validates them and adds case type, sentiment and requests for a human."

// Config is what an operator sets.
type Config struct {
	process.Config `embed:""`
	Listen         string `name:"http-listen" env:"CASETRAIL_HTTP_LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where to take chat events over HTTP. There is no authentication: put a gateway before it, or leave it on this machine. Empty serves none."`
	AllowRemote    bool   `name:"http-allow-remote" env:"CASETRAIL_HTTP_ALLOW_REMOTE" help:"Permit --http-listen beyond this machine."`
	Clock          string `name:"clock" env:"CASETRAIL_CLOCK" enum:"wall,event" default:"wall" help:"Where time comes from: wall, the broker's time of arrival; or event, the events' own and clock events, for the replay of history."`
	ClassifierURL  string `name:"classifier-url" env:"CASETRAIL_CLASSIFIER_URL" placeholder:"URL" help:"Ask this HTTP service for the case type, in place of the classifier that is built in. What it does not answer properly within half a second is unknown, and a human's."`
	ClassifierFile string `name:"classifier" env:"CASETRAIL_CLASSIFIER" placeholder:"FILE" help:"A classifier that casetrail train made, in place of the one that is built in."`
	PolicyKey      string `name:"policy-key" env:"CASETRAIL_POLICY_KEY" placeholder:"FILE" help:"The operator's public key (.vkey). Policies that it did not sign are refused; without it, all are."`
	CustomerKey    string `name:"customer-key" env:"CASETRAIL_CUSTOMER_KEY" placeholder:"FILE" help:"The secret that ties a customer's cases to each other in the ledger, and to nobody who does not have it; casetrail keys customers makes one. All replicas have the same."`
}

// Validate reports everything that is wrong at once.
func (c *Config) Validate() error {
	errs := []error{c.Config.Validate()}
	if c.Listen != "" {
		host, _, err := net.SplitHostPort(c.Listen)
		if err != nil {
			errs = append(errs, fmt.Errorf("--http-listen %q is not host:port", c.Listen))
		} else if !c.AllowRemote && !kafka.Loopback(host) {
			errs = append(errs, fmt.Errorf("--http-listen %s is beyond this machine and has no authentication; put a gateway before it and say --http-allow-remote", c.Listen))
		}
	}
	if c.ClassifierURL != "" && c.ClassifierFile != "" {
		errs = append(errs, errors.New("--classifier and --classifier-url are both set; one classifier finds the case type"))
	}
	if c.ClassifierURL != "" {
		errs = append(errs, remote.CheckURL(c.ClassifierURL, c.AllowPlaintext, kafka.Loopback))
	}
	if _, err := c.policyKey(); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.customerKey(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *Config) customerKey() (*customers.Holder, error) {
	if c.CustomerKey == "" {
		return nil, errors.New("--customer-key is missing: make one with casetrail keys customers")
	}
	held, err := customers.Hold(c.CustomerKey)
	if err != nil {
		return nil, fmt.Errorf("--customer-key: %w", err)
	}
	return held, nil
}

func (c *Config) policyKey() (note.Verifier, error) {
	if c.PolicyKey == "" {
		return nil, nil
	}
	b, err := os.ReadFile(c.PolicyKey)
	if err != nil {
		return nil, fmt.Errorf("--policy-key: %w; make one with: casetrail keys create", err)
	}
	v, err := note.NewVerifier(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fmt.Errorf("--policy-key %s: %w; it holds a public key as casetrail keys makes it", c.PolicyKey, err)
	}
	return v, nil
}

// Run runs intake until ctx ends.
func (c *Config) Run(ctx context.Context, s *process.Shell) error {
	model, done, err := c.classifier(s)
	if err != nil {
		return err
	}
	defer done()
	heard, err := signals.Load()
	if err != nil {
		return err
	}
	key, err := c.policyKey()
	if err != nil {
		return err
	}
	codec, err := schemas.Register(ctx, c.Registry, pipelines.Subjects(pipelines.Intake))
	if err != nil {
		return err
	}
	held, err := c.customerKey()
	if err != nil {
		return err
	}
	cfg, err := c.Kafka()
	if err != nil {
		return err
	}
	client, err := kafka.NewClient(cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	served := make(chan error, 1)
	go func() {
		err := c.serve(ctx, s, codec, client)
		if err != nil {
			cancel(err)
		}
		served <- err
	}()
	err = s.RunStage(ctx, stream.Definition(stream.Options{Codec: codec, Model: model, Signals: heard, PolicyKey: key, EventClock: c.Clock == "event",
		Learn: func(value []byte) error { return codec.Await(ctx, value) }, Now: time.Now, Customers: held}))
	cancel(err)
	return errors.Join(err, <-served)
}

// classifier is what types customers' messages; done lets it go.
func (c *Config) classifier(s *process.Shell) (_ stream.Classifier, done func(), err error) {
	if c.ClassifierURL == "" {
		m, err := c.model()
		return m, func() {}, err
	}
	r, err := remote.New(c.ClassifierURL, s.Metrics)
	if err != nil {
		return nil, nil, err
	}
	return r, r.Close, nil
}

// model is the classifier in the file that the operator names, or the one that is built in.
func (c *Config) model() (*classify.Model, error) {
	if c.ClassifierFile == "" {
		return classify.Load()
	}
	data, err := os.ReadFile(c.ClassifierFile)
	if err != nil {
		return nil, fmt.Errorf("--classifier: %w", err)
	}
	m, err := classify.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("--classifier %s: %w; casetrail train makes such a file", c.ClassifierFile, err)
	}
	return m, nil
}

// maxConnections is how many clients may be connected at once; others wait to be. More than intakehttp.MaxRequests, so that
// those beyond it are told.
const maxConnections = 2048

// serve takes chat events over HTTP.
func (c *Config) serve(ctx context.Context, s *process.Shell, codec *schemas.Codec, client *kafka.Client) error {
	if c.Listen == "" {
		return nil
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("--http-listen: %w; is another intake running? choose another port", err)
	}
	p := kafka.NewPublisher(client, nil)
	defer p.Close()
	api := intakehttp.New(intakehttp.Options{Codec: codec, Publisher: publisher{p, s.Log}, WallClock: c.Clock == "wall", Now: time.Now})
	if err := api.Register(s.Metrics); err != nil {
		return err
	}
	// The answer may come as long after the body as events may take to be durable.
	srv := &http.Server{Handler: api.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 35 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
	stopped := context.AfterFunc(ctx, func() {
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if srv.Shutdown(wait) != nil {
			_ = srv.Close() // requests that take longer were not confirmed
		}
	})
	defer stopped()
	if err := srv.Serve(netutil.LimitListener(l, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// publisher writes to chat.events.
type publisher struct {
	to  *kafka.Publisher
	log *zap.Logger
}

// Load implements intakehttp.Publisher.
func (p publisher) Load() kafka.Load { return p.to.Load() }

// Offer implements intakehttp.Publisher.
func (p publisher) Offer(ctx context.Context, keys, values [][]byte) error {
	recs := make([]stage.Record, len(values))
	for i := range values {
		recs[i] = stage.Record{Topic: pipelines.ChatEvents, Key: keys[i], Value: values[i]}
	}
	err := p.to.Offer(ctx, recs)
	if err != nil && !errors.Is(err, kafka.ErrFull) {
		p.log.Warn("chat.events can't be written", zap.Error(err)) // the client hears 503, the operator why
	}
	return err
}
