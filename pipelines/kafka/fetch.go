package kafka

import (
	"context"
	"fmt"
	"io"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// maxFetchResponse bounds a response. It leaves room for the largest batch, since a broker sends the first batch whole.
const maxFetchResponse = maxAtomic + 16<<20

const fetchVersion = 11 // the last one with plain lengths; zstd needs 10

// fetchRequest asks the leader of its first partition for all of them. It does its own wire exchange, so that what
// kafka-go would hide stays in view: batch bounds, control batches, aborted transactions.
type fetchRequest struct {
	clientID  string
	committed bool // hide what is aborted or undecided
	minBytes  int32
	maxBytes  int32
	maxWait   time.Duration
	parts     []fetchPart
}

type fetchPart struct {
	stage.TopicPartition
	offset   int64
	maxBytes int32
}

type fetchResponse struct{ parts []fetched }

// fetched is what a response says of one partition.
type fetched struct {
	stage.TopicPartition
	err                 error
	start, stable, high int64 // first offset; end of what is decided; end
	aborted             []abortedTxn
	batches             []byte
}

type abortedTxn struct{ producer, first int64 }

func (*fetchRequest) ApiKey() protocol.ApiKey                 { return protocol.Fetch }
func (*fetchResponse) ApiKey() protocol.ApiKey                { return protocol.Fetch }
func (*fetchRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// Broker implements protocol.BrokerMessage.
func (f *fetchRequest) Broker(c protocol.Cluster) (protocol.Broker, error) {
	return leader(c, f.parts[0].TopicPartition)
}

func leader(c protocol.Cluster, tp stage.TopicPartition) (protocol.Broker, error) {
	if b, ok := c.Brokers[leaderID(c, tp)]; ok {
		return b, nil
	}
	return protocol.Broker{ID: -1}, noLeader(tp.Topic, tp.Partition)
}

func leaderID(c protocol.Cluster, tp stage.TopicPartition) int32 {
	p, ok := c.Topics[tp.Topic].Partitions[tp.Partition]
	if !ok {
		return -1
	}
	return p.Leader
}

// RawExchange implements protocol.RawExchanger.
func (f *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	q := make([]byte, 0, 128+64*len(f.parts))
	q = appendHeader(q, int16(protocol.Fetch), fetchVersion, f.clientID)
	q = be.AppendUint32(q, 0xffffffff) // a consumer, not a replica
	q = be.AppendUint32(q, uint32(f.maxWait.Milliseconds()))
	q = be.AppendUint32(q, uint32(f.minBytes))
	q = be.AppendUint32(q, uint32(f.maxBytes))
	if f.committed {
		q = append(q, 1)
	} else {
		q = append(q, 0)
	}
	q = be.AppendUint32(q, 0)          // no fetch session
	q = be.AppendUint32(q, 0xffffffff) //
	q = be.AppendUint32(q, uint32(len(f.parts)))
	for _, p := range f.parts { // one topic entry a partition keeps the order, which decides who is served first
		q = appendStr(q, p.Topic)
		q = be.AppendUint32(q, 1)
		q = be.AppendUint32(q, uint32(p.Partition))
		q = be.AppendUint32(q, 0xffffffff) // any leader epoch
		q = be.AppendUint64(q, uint64(p.offset))
		q = be.AppendUint64(q, 0xffffffffffffffff) // log start: for replicas
		q = be.AppendUint32(q, uint32(p.maxBytes))
	}
	q = be.AppendUint32(q, 0) // forgotten topics
	q = appendStr(q, "")      // rack
	body, err := exchange(rw, q, maxFetchResponse)
	if err != nil {
		return nil, err
	}
	return parseFetch(body, len(f.parts))
}

func parseFetch(body []byte, parts int) (*fetchResponse, error) {
	c := &cursor{b: body}
	c.i32() // throttle time
	if code := c.i16(); code != 0 {
		return nil, kafkago.Error(code)
	}
	c.i32() // session
	r := &fetchResponse{parts: make([]fetched, 0, parts)}
	for topics := c.count(6); topics > 0; topics-- {
		topic := c.str()
		for n := c.count(38); n > 0; n-- {
			p := fetched{TopicPartition: stage.TopicPartition{Topic: topic, Partition: c.i32()}}
			if code := c.i16(); code != 0 {
				p.err = kafkago.Error(code)
			}
			p.high, p.stable, p.start = c.i64(), c.i64(), c.i64()
			for a := c.count(16); a > 0; a-- {
				p.aborted = append(p.aborted, abortedTxn{c.i64(), c.i64()})
			}
			c.i32() // preferred read replica
			if size := c.i32(); size > 0 {
				p.batches = c.take(int(size))
			}
			r.parts = append(r.parts, p)
		}
	}
	if c.bad {
		return nil, fmt.Errorf("fetch response: %w", errShort)
	}
	return r, nil
}

// fetch sends f. The returned error concerns the whole request; each part has its own.
func (c *Client) fetch(ctx context.Context, f *fetchRequest) ([]fetched, error) {
	f.clientID = c.cfg.ClientID
	ctx, cancel := context.WithTimeout(ctx, f.maxWait+requestTimeout)
	defer cancel()
	m, err := c.transport.RoundTrip(ctx, c.raw.Addr, f)
	if err != nil {
		return nil, err
	}
	return m.(*fetchResponse).parts, nil
}
