// Package registry is the embedded schema registry: an http.Handler with the part of Confluent's API that its clients
// use, for Avro. It keeps what it knows in a compacted Kafka topic, in the format that Confluent's registry keeps there,
// so that one of the two can be exchanged for the other.
//
// It checks compatibility for real, by the resolution rules of the Avro specification. What it leaves out: schemas other
// than Avro, references between subjects, contexts, modes other than READWRITE, rule sets, permanent deletion, passwords
// and TLS, and a second registry on the same topic: it is made to be the only one, on the machine of whoever runs it.
package registry

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/casetrail/casetrail/pipelines/kafka"
)

// DefaultTopic is where a registry keeps what it knows.
const DefaultTopic = "_schemas"

// writeTimeout is how long a change may take to be on the broker.
const writeTimeout = 15 * time.Second

// Options are what New needs.
type Options struct {
	Brokers       []string // host:port, on this machine
	Topic         string   // DefaultTopic if empty; made if it does not exist
	Compatibility string   // the level of subjects that have none of their own; BACKWARD if empty
}

// Registry is a running registry. It is safe for concurrent use.
type Registry struct {
	topic     string
	fallback  string
	client    *kafka.Client
	publisher *kafka.Publisher
	mux       *http.ServeMux

	mu    sync.RWMutex
	state *state
	stale bool // a write ended without an answer: the topic knows more than state
}

// New makes the topic where it is missing and reads it. ctx bounds the start only; Close ends the registry.
func New(ctx context.Context, opt Options) (*Registry, error) {
	if opt.Topic == "" {
		opt.Topic = DefaultTopic
	}
	if opt.Compatibility == "" {
		opt.Compatibility = "BACKWARD"
	}
	if !isLevel(opt.Compatibility) {
		return nil, fmt.Errorf("embedded registry: compatibility %q is none of %v", opt.Compatibility, levels)
	}
	client, err := kafka.NewClient(kafka.Config{Brokers: opt.Brokers, ClientID: "casetrail-registry"})
	if err != nil {
		return nil, fmt.Errorf("embedded registry: %w", err)
	}
	r := &Registry{topic: opt.Topic, fallback: opt.Compatibility, client: client, publisher: kafka.NewPublisher(client, nil)}
	r.routes()
	err = kafka.EnsureTopics(ctx, client, []kafka.Topic{{Name: opt.Topic, Partitions: 1, Config: map[string]string{
		"cleanup.policy": "compact", "retention.ms": "-1", "max.message.bytes": "4194304"}}})
	if err == nil {
		err = r.load(ctx)
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("embedded registry: topic %s: %w", opt.Topic, err)
	}
	return r, nil
}

// Close lets go of the brokers. Requests after it fail.
func (r *Registry) Close() {
	r.publisher.Close()
	r.client.Close()
}

// ServeHTTP answers a request.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) { r.mux.ServeHTTP(w, req) }
