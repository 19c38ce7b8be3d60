// Package broker is the embedded Kafka broker: franz-go's kfake with its data on disk, made safe to kill.
//
// What kfake alone would lose, this package keeps. kfake compacts by deleting a partition's files before it writes the
// new ones, so here a copy is compacted and put in place by a rename. It lets retention empty a partition and then counts
// offsets from 0 again after a restart, so here retention always leaves the last batch. It ignores
// message.timestamp.type=LogAppendTime, so here the time of a batch is moved to the time of its arrival (as CreateTime:
// distances within a batch stay). It takes any request size, so here a request is at most 64 MiB. It leaves deleted records
// (DeleteRecords) on the disk, so here their batches are blanked.
//
// What is as in Kafka: max.message.bytes per topic, retention.ms with -1 for ever, idempotent and fenced producers,
// consumer groups with committed offsets. What is not: acknowledged records outlive kill -9 but, as nothing is synced to
// the disk, not a power cut; a producer's sequence numbers are forgotten by kill -9, so a batch whose acknowledgement was
// lost in that moment may be there twice; retention.bytes is not applied; names and settings that Kafka refuses may be
// taken; after kill -9 a start reads whole partitions into memory. There is one broker, without TLS or passwords, and it
// listens on 127.0.0.1 only.
package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"
)

// DefaultAddr is where the broker listens if nothing else is said.
const DefaultAddr = "127.0.0.1:19092"

// Options are what Start needs.
type Options struct {
	DataDir string       // where the log lives; made if it does not exist
	Addr    string       // host 127.0.0.1 or none; DefaultAddr if empty; port 0 takes a free one
	Log     func(string) // gets lines for an operator; nil drops them
}

// Broker is a running broker.
type Broker struct {
	dir  string
	log  func(string)
	lock *os.File
	gate *gate

	cluster   *kfake.Cluster
	stamps    *stamps
	deletions *deletions
	floor     int64 // bytes of compacted topics after the last compaction

	stop func()
	done chan struct{}
}

// Start opens the data in DataDir, which no other process may use, and listens. ctx bounds the start only; Close ends the
// broker.
func Start(ctx context.Context, opt Options) (*Broker, error) {
	if opt.Log == nil {
		opt.Log = func(string) {}
	}
	if opt.DataDir == "" {
		return nil, errors.New("embedded broker: no data directory; set one")
	}
	if err := os.MkdirAll(opt.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded broker: %w; choose a data directory that can be written", err)
	}
	b := &Broker{dir: opt.DataDir, log: opt.Log, stamps: newStamps(), done: make(chan struct{})}
	var err error
	if b.lock, err = lockDir(filepath.Join(opt.DataDir, "broker.lock")); err != nil {
		return nil, fmt.Errorf("embedded broker: data directory %s: %w", opt.DataDir, err)
	}
	if err := b.start(ctx, opt.Addr); err != nil {
		return nil, errors.Join(err, b.release())
	}
	loop, cancel := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = cancel
	go b.maintain(loop)
	return b, nil
}

func (b *Broker) start(ctx context.Context, addr string) error {
	if err := undoCompaction(b.dir); err != nil {
		return fmt.Errorf("embedded broker: put back what a compaction that was cut short had moved: %w", err)
	}
	var err error
	if b.deletions, err = loadDeletions(b.dir); err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	if b.gate, err = listen(addr); err != nil {
		return err
	}
	if err := b.scrub(); err != nil {
		return fmt.Errorf("embedded broker: delete from the disk what a client had deleted: %w", err)
	}
	if b.cluster == nil {
		if b.cluster, err = b.open(); err != nil {
			return err
		}
	}
	topics, err := b.topics(ctx)
	if err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	for _, t := range topics {
		b.stamps.set(t.name, t.config("message.timestamp.type"))
	}
	return b.compactIfGrown(topics)
}

func (b *Broker) open() (*kfake.Cluster, error) {
	c, err := kfake.NewCluster(append(settings(b.dir, warnings(b.log)), kfake.ListenFn(b.gate.listen))...)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: data directory %s: %w; if it can't be mended, move it away and start anew", b.dir, err)
	}
	b.stamps.watch(c)
	b.deletions.watch(c, b.log)
	return c, nil
}

// settings are what every cluster on our data has. The versions are those of Kafka 4.0: later ones name topics by id in
// produce requests, which [stamps] can't tell.
func settings(dir string, log kfake.Logger) []kfake.Opt {
	const never = "315360000000" // kfake's own cleaner; see the package comment
	return []kfake.Opt{
		kfake.NumBrokers(1), kfake.DataDir(dir), kfake.ClusterID("casetrail"), kfake.WithLogger(log),
		kfake.DefaultNumPartitions(1), kfake.MaxVersions(kversion.V4_0_0()), kfake.GroupMinSessionTimeout(time.Second),
		kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": never, "log.segment.bytes": "67108864"}),
	}
}

// Addr is the host and port to connect to.
func (b *Broker) Addr() string { return b.gate.addr() }

// Close writes what is open, stops listening, and gives the data directory back.
func (b *Broker) Close() error {
	b.stop()
	<-b.done
	return b.release()
}

func (b *Broker) release() error {
	var errs []error
	if b.cluster != nil {
		b.cluster.Close()
	}
	if b.gate != nil {
		errs = append(errs, b.gate.real.Close())
	}
	return errors.Join(append(errs, b.lock.Close())...)
}

// warnings is a logger that passes on what an operator should see.
type warnings func(string)

func (w warnings) Logf(level kfake.LogLevel, format string, args ...any) {
	if level == kfake.LogLevelError || level == kfake.LogLevelWarn {
		w("embedded broker: " + fmt.Sprintf(format, args...))
	}
}
