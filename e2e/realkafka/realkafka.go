// Package realkafka starts Apache Kafka for tests: real brokers in KRaft mode, one or three, fetched once with Maven and
// kept in a cache. It needs Java 17 and mvn; without them a test is skipped, loudly, or fails where CI is set.
package realkafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Cluster is a running cluster. Its methods may be called from any goroutine.
type Cluster struct {
	Brokers []string          // where clients connect, one a node
	Links   map[string][]Link // by the name that Linked gave, one a node
	dir     string
	keep    bool
	nodes   []*node
}

// Link is a further way to a node, for a proxy to stand in: whoever comes by it is told to go on by it.
type Link struct {
	Advertised string // where the proxy must listen
	Node       string // where it connects to
}

// Option changes how a cluster is started.
type Option func(*options)

type options struct {
	nodes      int
	properties []string
	format     []string
	links      []string
	dir        string
	discard    bool
}

// Nodes sets the number of brokers: 1 (the default) or 3, with replication factor 3 and min.insync.replicas 2.
func Nodes(n int) Option { return func(o *options) { o.nodes = n } }

// Property adds a line to every broker's server.properties; the last one of a name counts.
func Property(name, value string) Option {
	return func(o *options) { o.properties = append(o.properties, name+"="+value) }
}

// Linked adds links to every node, one of each name, which must be upper case.
func Linked(names ...string) Option {
	return func(o *options) { o.links = append(o.links, names...) }
}

// Dir has the cluster keep its data and its log in a folder, which is the caller's to delete.
func Dir(dir string) Option { return func(o *options) { o.dir = dir } }

// Format adds arguments to the storage tool's format command, for example --add-scram.
func Format(args ...string) Option { return func(o *options) { o.format = append(o.format, args...) } }

// Start starts a cluster for one test and stops it when the test ends.
func Start(t testing.TB, opts ...Option) *Cluster {
	t.Helper()
	need(t)
	c, err := start(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

var shared = sync.OnceValues(func() (*Cluster, error) { return start(func(o *options) { o.discard = true }) })

// Shared returns a cluster of one node that all tests of a binary use; it ends with the process. Tests that kill
// brokers start their own.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	need(t)
	c, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// need skips the test where Kafka cannot be run, and fails it in CI.
func need(t testing.TB) {
	t.Helper()
	var missing []string
	for _, tool := range []string{"java", "mvn", "sh"} {
		if _, err := exec.LookPath(tool); err != nil && !(tool == "mvn" && cached()) {
			missing = append(missing, tool)
		}
	}
	if len(missing) == 0 {
		return
	}
	reason := fmt.Sprintf("NOT TESTED AGAINST APACHE KAFKA: %s not found", strings.Join(missing, ", "))
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

func start(opts ...Option) (*Cluster, error) {
	o := options{nodes: 1}
	for _, opt := range opts {
		opt(&o)
	}
	lib, err := install()
	if err != nil {
		return nil, err
	}
	dir := o.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "casetrail-kafka-"); err != nil {
			return nil, err
		}
	}
	c := &Cluster{dir: dir, keep: o.dir != "", Links: map[string][]Link{}}
	ports, err := FreePorts((2 + 2*len(o.links)) * o.nodes)
	if err != nil {
		return nil, err
	}
	var voters []string
	for i := range o.nodes {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", i+1, ports[2*i+1]))
	}
	for i := range o.nodes {
		n := &node{id: i + 1, of: o.nodes, lib: lib, dir: filepath.Join(dir, fmt.Sprint(i+1)), client: ports[2*i], controller: ports[2*i+1],
			voters: strings.Join(voters, ","), extra: o.properties, format: o.format}
		if o.discard {
			n.discard = dir
		}
		for k, name := range o.links {
			from := 2*o.nodes + 2*(i*len(o.links)+k)
			l := Link{fmt.Sprintf("127.0.0.1:%d", ports[from]), fmt.Sprintf("127.0.0.1:%d", ports[from+1])}
			c.Links[name] = append(c.Links[name], l)
			n.links = append(n.links, namedLink{name, l})
		}
		c.nodes = append(c.nodes, n)
		c.Brokers = append(c.Brokers, fmt.Sprintf("127.0.0.1:%d", n.client))
	}
	errs := make([]error, o.nodes)
	var wg sync.WaitGroup
	for i, n := range c.nodes {
		wg.Go(func() { errs[i] = errors.Join(n.prepare(), n.start()) })
	}
	wg.Wait()
	if err = errors.Join(errs...); err == nil {
		err = c.ready()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Kill ends a node's process with SIGKILL.
func (c *Cluster) Kill(node int) { c.nodes[node].kill() }

// Stop ends a node's process cleanly.
func (c *Cluster) Stop(node int) { c.nodes[node].stop() }

// Restart starts a node again after Kill or Stop, on the same data, and waits until it serves.
func (c *Cluster) Restart(node int) error {
	if err := c.nodes[node].start(); err != nil {
		return err
	}
	return c.ready()
}

// Close kills all nodes and deletes their data.
func (c *Cluster) Close() {
	for _, n := range c.nodes {
		n.kill()
	}
	if !c.keep {
		_ = os.RemoveAll(c.dir)
	}
}

const readyTimeout = 120 * time.Second

// ready waits until every started node says that it serves, and until a group coordinator answers: that makes the
// offsets topic, for want of which a first join would wait five seconds.
func (c *Cluster) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	for _, n := range c.nodes {
		if err := n.awaitStarted(ctx); err != nil {
			return err
		}
	}
	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafkago.Client{Addr: kafkago.TCP(c.Brokers...), Timeout: 5 * time.Second, Transport: transport}
	for {
		r, err := client.FindCoordinator(ctx, &kafkago.FindCoordinatorRequest{Key: "ready", KeyType: kafkago.CoordinatorKeyTypeConsumer})
		if err == nil && r.Error == nil {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("kafka has no group coordinator after %v: %v", readyTimeout, err)
		}
	}
}

// FreePorts finds ports on this machine that nobody listens on, below those that the kernel gives to outgoing connections: so
// none is taken while whoever listens on it is dead for a while.
func FreePorts(n int) ([]int, error) {
	const from, to, tries = 10_000, 32_000, 1000
	var out []int
	for range tries {
		if len(out) == n {
			return out, nil
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", from+rand.IntN(to-from)))
		if err != nil {
			continue // taken
		}
		defer l.Close()
		out = append(out, l.Addr().(*net.TCPAddr).Port)
	}
	return nil, fmt.Errorf("no %d free ports between %d and %d", n, from, to)
}
