package broker

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	kafka "github.com/segmentio/kafka-go"
)

// topic is what the broker knows about one of its topics.
type topic struct {
	name       string
	partitions int
	configs    map[string]*string
}

func (t topic) config(name string) string {
	if v := t.configs[name]; v != nil {
		return *v
	}
	return ""
}

func (t topic) compacted() bool { return strings.Contains(t.config("cleanup.policy"), "compact") }

// retention is how long records stay; 0 is for ever.
func (t topic) retention() time.Duration {
	if policy := t.config("cleanup.policy"); policy != "" && !strings.Contains(policy, "delete") {
		return 0
	}
	if t.config("retention.ms") == "" {
		return 7 * 24 * time.Hour
	}
	ms, err := strconv.ParseInt(t.config("retention.ms"), 10, 64)
	if err != nil || ms < 0 {
		return 0
	}
	return time.Duration(min(ms, 1<<43)) * time.Millisecond
}

// maintain does once a minute what Kafka's log cleaner does.
func (b *Broker) maintain(ctx context.Context) {
	defer close(b.done)
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.deletions.wake:
			select {
			case <-time.After(scrubWait):
			case <-ctx.Done():
				return
			}
			if err := b.scrub(); err != nil && ctx.Err() == nil {
				b.log(fmt.Sprintf("embedded broker: delete from the disk what a client had deleted: %v; trying again at the next deletion or start", err))
			}
			continue
		case <-tick.C:
		}
		if err := b.clean(ctx, time.Now()); err != nil && ctx.Err() == nil {
			b.log(fmt.Sprintf("embedded broker: cleaning: %v; trying again in a minute", err))
		}
	}
}

func (b *Broker) clean(ctx context.Context, now time.Time) error {
	if b.cluster == nil { // it could not be opened again after a compaction
		var err error
		if b.cluster, err = b.open(); err != nil {
			return err
		}
	}
	topics, err := b.topics(ctx)
	if err != nil {
		return err
	}
	for _, t := range topics {
		if err := b.expire(ctx, t, now); err != nil {
			return fmt.Errorf("topic %s: %w", t.name, err)
		}
	}
	return b.compactIfGrown(topics)
}

// client is a client of ourselves, for what kfake tells only over the wire; close it.
func (b *Broker) client() (c *kafka.Client, done func()) {
	transport := &kafka.Transport{ClientID: "casetrail-broker"}
	return &kafka.Client{Addr: b.gate.real.Addr(), Timeout: 10 * time.Second, Transport: transport}, transport.CloseIdleConnections
}

func (b *Broker) topics(ctx context.Context) ([]topic, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp4", b.Addr())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, err
	}
	partitions, err := kafka.NewConn(conn, "", 0).ReadPartitions()
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	counts := map[string]int{}
	for _, p := range partitions {
		counts[p.Topic]++
	}
	var out []topic
	for name, n := range counts {
		if info := b.cluster.TopicInfo(name); info != nil {
			out = append(out, topic{name, n, info.Configs})
		}
	}
	return out, nil
}

// expire deletes what is older than the topic's retention, but never the last batch: an empty partition would count its
// offsets from 0 after a restart.
func (b *Broker) expire(ctx context.Context, t topic, now time.Time) error {
	keep := t.retention()
	if keep == 0 {
		return nil
	}
	client, done := b.client()
	defer done()
	from := now.Add(-keep)
	for _, p := range b.cluster.PartitionInfos(t.name) {
		if p.HighWatermark == p.LogStartOffset {
			continue
		}
		resp, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
			t.name: {kafka.TimeOffsetOf(int(p.Partition), from)}}})
		if err != nil {
			return fmt.Errorf("find what has expired: %w", err)
		}
		end := p.HighWatermark - 1
		for _, answer := range resp.Topics[t.name] {
			for offset := range answer.Offsets {
				if offset >= 0 {
					end = min(end, offset)
				}
			}
		}
		if end > p.LogStartOffset {
			if err := b.cluster.DeleteRecords(t.name, p.Partition, end); err != nil {
				return fmt.Errorf("delete what has expired: %w", err)
			}
		}
	}
	return nil
}
