// Package remote asks a classifier elsewhere, over HTTP, for the case type of a customer's message. It fails closed: an
// answer that comes late, or that is not exactly what was asked for, is none, and a message without an answer is unknown,
// which is a human's. Nothing is asked twice.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/casetrail/casetrail/services/intake/classify"
)

// Bounds on the exchange.
const (
	// Patience is how long one answer may take, its body included, and the wait for a turn.
	Patience = 500 * time.Millisecond
	// MaxAnswer bounds an answer's bytes, MaxAtOnce how many are waited for at a time.
	MaxAnswer = 16 << 10
	MaxAtOnce = 16
	// After maxFailures in a row nothing is asked for a pause: a service that hangs must not hold up the customers.
	maxFailures = 5
	pause       = 5 * time.Second
)

// noAnswer begins the version of a finding that is none; the reason follows.
const noAnswer = "external/no-answer/"

// Classifier is a classifier at a URL. It is safe for concurrent use.
type Classifier struct {
	url     string
	client  *http.Client
	turns   chan struct{}
	results *prometheus.CounterVec
	seconds prometheus.Histogram
	now     func() time.Time

	mu       sync.Mutex
	failures int
	until    time.Time // nothing is asked before
}

// CheckURL says what is wrong with a classifier's URL. plaintext permits http beyond this machine; loopback tells whether a
// host is this machine.
func CheckURL(address string, plaintext bool, loopback func(host string) bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("--classifier-url %q is not an http or https URL", address)
	case u.User != nil:
		return errors.New("--classifier-url must not carry credentials: logs and process lists would show them")
	case u.Scheme == "http" && !plaintext && !loopback(u.Hostname()):
		return fmt.Errorf("--classifier-url %s would send customers' messages in plaintext beyond this machine; use https", address)
	}
	return nil
}

// New makes a classifier that asks at a URL, and counts in metrics. Close it when done.
func New(address string, metrics prometheus.Registerer) (*Classifier, error) {
	c := &Classifier{url: address, now: time.Now, turns: make(chan struct{}, MaxAtOnce),
		client: &http.Client{
			Transport:     &http.Transport{MaxConnsPerHost: MaxAtOnce, MaxIdleConnsPerHost: MaxAtOnce, DisableCompression: true, MaxResponseHeaderBytes: 16 << 10, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		results: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "casetrail_classifier_answers_total", Help: "Messages that the external classifier was to type, by result: ok, or why there is no answer."}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "casetrail_classifier_seconds", Help: "How long the external classifier took, or was waited for.", Buckets: prometheus.ExponentialBuckets(.001, 2, 10)}),
	}
	return c, errors.Join(metrics.Register(c.results), metrics.Register(c.seconds))
}

// Close lets go of connections that are not in use.
func (c *Classifier) Close() { c.client.CloseIdleConnections() }

// Find asks for a message's type, for at most Patience. See stream.Classifier. The version is the service's own, or says
// that there was no answer, and why.
func (c *Classifier) Find(text string) (classify.Finding, string) {
	if c.paused() {
		return c.none("paused")
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
	case <-ctx.Done():
		return c.none("busy")
	}
	from := c.now()
	found, version, err := c.ask(ctx, text)
	c.seconds.Observe(c.now().Sub(from).Seconds())
	c.went(err == nil)
	if err != nil {
		return c.none(reason(err))
	}
	c.results.WithLabelValues("ok").Inc()
	return found, version
}

func (c *Classifier) none(why string) (classify.Finding, string) {
	c.results.WithLabelValues(why).Inc()
	return classify.Finding{CaseType: classify.Unknown}, noAnswer + why
}

func (c *Classifier) paused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now().Before(c.until)
}

func (c *Classifier) went(well bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if well {
		c.failures = 0
	} else if c.failures++; c.failures >= maxFailures {
		c.failures, c.until = 0, c.now().Add(pause)
	}
}

// Why there is no answer.
var (
	errStatus = errors.New("status")
	errLarge  = errors.New("too_large")
	errBroken = errors.New("broken")
)

func reason(err error) string {
	for _, known := range []error{errStatus, errLarge, errBroken} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	return "unreachable"
}

func (c *Classifier) ask(ctx context.Context, text string) (classify.Finding, string, error) {
	body, err := json.Marshal(question{text})
	if err != nil {
		return classify.Finding{}, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return classify.Finding{}, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		return classify.Finding{}, "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return classify.Finding{}, "", errStatus
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	if err != nil {
		return classify.Finding{}, "", err
	}
	return parse(raw)
}
