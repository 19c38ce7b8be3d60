// Package process is the shell around a service: its configuration, logs, metrics, health and end. A service's main is
// one call of Main; several services can run in one process, each with a Shell of one Host, since nothing is global.
//
// Only this package and main functions log errors; everything below returns them.
package process

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/casetrail/casetrail/pipelines/kafka"
)

// Config is what all services have in common. A service embeds it in a struct of its own; its fields are flags, and
// environment variables of the same meaning.
type Config struct {
	Brokers        []string      `name:"kafka-brokers" env:"CASETRAIL_KAFKA_BROKERS" default:"127.0.0.1:9092" placeholder:"HOST:PORT,..." help:"Kafka brokers to start from."`
	Prefix         string        `name:"kafka-prefix" env:"CASETRAIL_KAFKA_PREFIX" help:"Put before consumer group names and transactional ids, for several deployments on one cluster."`
	Compression    string        `name:"kafka-compression" env:"CASETRAIL_KAFKA_COMPRESSION" default:"" placeholder:"CODEC" help:"How written records are compressed: none, snappy, lz4 or zstd. Left out, what costs the least CPU."`
	SessionTimeout time.Duration `name:"kafka-session-timeout" env:"CASETRAIL_KAFKA_SESSION_TIMEOUT" default:"10s" help:"After how long without a sign of life a replica's partitions go to another."`
	User           string        `name:"kafka-user" env:"CASETRAIL_KAFKA_USER" help:"User for SASL SCRAM-SHA-512. The password is read from CASETRAIL_KAFKA_PASSWORD or from --kafka-password-file."`
	PasswordFile   string        `name:"kafka-password-file" env:"CASETRAIL_KAFKA_PASSWORD_FILE" placeholder:"FILE" help:"File with the password."`
	TLS            bool          `name:"kafka-tls" env:"CASETRAIL_KAFKA_TLS" help:"Speak TLS to Kafka."`
	TLSCA          string        `name:"kafka-tls-ca" env:"CASETRAIL_KAFKA_TLS_CA" placeholder:"FILE" help:"PEM file of the certificate authorities to trust instead of the system's."`
	TLSCert        string        `name:"kafka-tls-cert" env:"CASETRAIL_KAFKA_TLS_CERT" placeholder:"FILE" help:"PEM file of the client certificate, where the brokers ask for one."`
	TLSKey         string        `name:"kafka-tls-key" env:"CASETRAIL_KAFKA_TLS_KEY" placeholder:"FILE" help:"PEM file of the client certificate's key."`
	Registry       string        `name:"schema-registry" env:"CASETRAIL_SCHEMA_REGISTRY" default:"http://127.0.0.1:8081" placeholder:"URL" help:"Schema registry."`
	AllowPlaintext bool          `name:"allow-plaintext" env:"CASETRAIL_ALLOW_PLAINTEXT" help:"Permit plaintext to brokers and a registry on other machines."`
	Admin          string        `name:"admin-listen" env:"CASETRAIL_ADMIN_LISTEN" default:"${admin=127.0.0.1:9400}" placeholder:"HOST:PORT" help:"Where to serve /healthz, /readyz and /metrics. Empty serves none."`
	LogLevel       string        `name:"log-level" env:"CASETRAIL_LOG_LEVEL" default:"info" help:"Least level that is logged: debug, info, warn or error."`

	password string // set by tests; otherwise from PasswordFile or the environment
}

// Shared returns the configuration that all services have in common; it makes a struct that embeds Config a Settings.
func (c *Config) Shared() *Config { return c }

// Validate reports everything that is wrong at once.
func (c *Config) Validate() error {
	var errs []error
	if _, err := c.Kafka(); err != nil {
		errs = append(errs, err)
	}
	if err := c.checkRegistry(); err != nil {
		errs = append(errs, err)
	}
	if c.Admin != "" {
		if _, _, err := net.SplitHostPort(c.Admin); err != nil {
			errs = append(errs, fmt.Errorf("--admin-listen %q is not host:port", c.Admin))
		}
	}
	if _, err := zapcore.ParseLevel(c.LogLevel); err != nil {
		errs = append(errs, fmt.Errorf("--log-level %q is none of debug, info, warn, error", c.LogLevel))
	}
	return errors.Join(errs...)
}

// Kafka is the configuration of the Kafka client. Its error reports all faults at once.
func (c *Config) Kafka() (kafka.Config, error) {
	var errs []error
	k := kafka.Config{Brokers: c.Brokers, Prefix: c.Prefix, Username: c.User, AllowPlaintext: c.AllowPlaintext, SessionTimeout: c.SessionTimeout}
	if err := k.Compression.UnmarshalText([]byte(c.Compression)); err != nil {
		errs = append(errs, fmt.Errorf("--kafka-compression: %w", err))
	}
	if c.SessionTimeout < 0 {
		errs = append(errs, errors.New("--kafka-session-timeout must not be negative"))
	}
	var err error
	if k.Password, err = c.readPassword(); err != nil {
		errs = append(errs, err)
	}
	if k.TLS, err = c.readTLS(); err != nil {
		errs = append(errs, err)
	}
	if err := k.Validate(); err != nil {
		errs = append(errs, err)
	}
	return k, errors.Join(errs...)
}

func (c *Config) readPassword() (string, error) {
	if c.PasswordFile != "" {
		b, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return "", fmt.Errorf("--kafka-password-file: %w", err)
		}
		return strings.TrimRight(string(b), "\r\n"), nil
	}
	if c.User == "" {
		return "", nil
	}
	if c.password == "" {
		return os.Getenv("CASETRAIL_KAFKA_PASSWORD"), nil
	}
	return c.password, nil
}

func (c *Config) readTLS() (*tls.Config, error) {
	if !c.TLS {
		if c.TLSCA != "" || c.TLSCert != "" || c.TLSKey != "" {
			return nil, errors.New("TLS files are given, but not --kafka-tls")
		}
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	var errs []error
	if c.TLSCA != "" {
		pem, err := os.ReadFile(c.TLSCA)
		t.RootCAs = x509.NewCertPool()
		if err != nil {
			errs = append(errs, fmt.Errorf("--kafka-tls-ca: %w", err))
		} else if !t.RootCAs.AppendCertsFromPEM(pem) {
			errs = append(errs, fmt.Errorf("--kafka-tls-ca: no certificate in %s", c.TLSCA))
		}
	}
	if c.TLSCert != "" || c.TLSKey != "" {
		cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			errs = append(errs, fmt.Errorf("--kafka-tls-cert and --kafka-tls-key: %w", err))
		}
		t.Certificates = []tls.Certificate{cert}
	}
	return t, errors.Join(errs...)
}

func (c *Config) checkRegistry() error {
	u, err := url.Parse(c.Registry)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("--schema-registry %q is not an http or https URL", c.Registry)
	case u.User != nil:
		return errors.New("--schema-registry must not carry credentials: logs and process lists would show them")
	case u.Scheme == "http" && !c.AllowPlaintext && !kafka.Loopback(u.Hostname()):
		return fmt.Errorf("--schema-registry %s: %w", u.Redacted(), kafka.ErrPlaintext)
	}
	return nil
}
