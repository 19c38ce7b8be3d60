// Package kafka is the adapter between Casetrail's stages and Kafka. It runs a stage on a consumer group, with fenced
// idempotent producers and a fetch of its own, and gives the tools around that: topics, a publisher, readers.
//
// It stands on kafka-go's transport (connections, TLS, SASL, routing, metadata, consumer groups), but writes and reads
// record batches itself: kafka-go's Writer duplicates and reorders, and its Reader shows aborted records and hangs on
// compacted logs.
package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Config is how to reach a cluster, and the few things that an operator may want to set.
type Config struct {
	Brokers  []string // host:port
	ClientID string   // shown in the broker's logs and quotas; "casetrail" where empty
	// Prefix is put before consumer group names and transactional ids, for several deployments on one cluster.
	Prefix string

	TLS                *tls.Config // nil is plaintext
	Username, Password string      // SASL SCRAM-SHA-512 where set
	// AllowPlaintext permits plaintext to hosts other than this one. Without it NewClient refuses.
	AllowPlaintext bool

	Compression    Compression   // of what is written; the zero value is DefaultCompression
	SessionTimeout time.Duration // how long a silent group member keeps its partitions; 10 s where zero

	// Dial replaces the network, for tests and simulations.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	metadataTTL    = 2 * time.Second
	dialTimeout    = 5 * time.Second
	requestTimeout = 10 * time.Second
)

// Client is one connection pool to a cluster. It is safe for concurrent use. Close it when done.
type Client struct {
	cfg       Config
	transport *kafkago.Transport
	raw       *kafkago.Client
	login     *login // nil without SASL
	moments   moments
}

// NewClient checks the configuration and makes a client. It does not connect; see Ping.
func NewClient(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.ClientID == "" {
		cfg.ClientID = "casetrail"
	}
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = 10 * time.Second
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext
	}
	c := &Client{cfg: cfg}
	if cfg.Username != "" {
		m, err := scram.Mechanism(scram.SHA512, cfg.Username, cfg.Password)
		if err != nil {
			return nil, fmt.Errorf("kafka user name or password: %w", err)
		}
		c.login = &login{Mechanism: m}
	}
	c.transport = &kafkago.Transport{
		Dial: cfg.Dial, DialTimeout: dialTimeout, MetadataTTL: metadataTTL,
		ClientID: cfg.ClientID, TLS: cfg.TLS,
	}
	if c.login != nil {
		c.transport.SASL = c.login
	}
	c.raw = &kafkago.Client{Addr: kafkago.TCP(cfg.Brokers...), Timeout: requestTimeout, Transport: c.transport}
	return c, nil
}

// Close closes the client's connections as they become idle.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Validate reports everything that is wrong with the configuration at once.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("no kafka brokers given"))
	}
	for _, b := range c.Brokers {
		host, _, err := net.SplitHostPort(b)
		if err != nil {
			errs = append(errs, fmt.Errorf("kafka broker %q is not host:port", b))
		} else if c.TLS == nil && !c.AllowPlaintext && !Loopback(host) {
			errs = append(errs, fmt.Errorf("kafka broker %s: %w", b, ErrPlaintext))
		}
	}
	if (c.Username == "") != (c.Password == "") {
		errs = append(errs, errors.New("a kafka user name needs a password, and a password a user name"))
	}
	if c.Compression < CompressionDefault || c.Compression > CompressionZstd {
		errs = append(errs, fmt.Errorf("unknown compression %d", c.Compression))
	}
	return errors.Join(errs...)
}

// Loopback tells whether a host name or address is this machine.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Ping asks the cluster for its metadata once. Its errors say what an operator has to mend: ErrCredentials where the
// cluster refused the user, ErrUnreachable where no broker answered.
func (c *Client) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	// Not from the cache: it keeps an old error until it is refreshed, and an old success through an outage.
	addr := c.cfg.Brokers[0]
	for {
		_, err := c.raw.ApiVersions(ctx, &kafkago.ApiVersionsRequest{})
		if err == nil {
			_, err = c.raw.Metadata(ctx, &kafkago.MetadataRequest{})
		}
		if err = c.explain(addr, err); c.login == nil || !errors.Is(err, errClosedByPeer) {
			return err
		}
		// Perhaps the login was refused: that is clear only once it has happened a few times.
		if err := new(backoff).sleep(ctx); err != nil {
			return err
		}
	}
}

func (c *Client) dialer() *kafkago.Dialer {
	d := &kafkago.Dialer{ClientID: c.cfg.ClientID, Timeout: dialTimeout, TLS: c.cfg.TLS, DialFunc: c.cfg.Dial}
	if c.login != nil {
		d.SASLMechanism = c.login
	}
	return d
}
