package kafka

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/casetrail/casetrail/pipelines/stage"
)

const (
	produceVersion     = 7 // the last one without record errors, which an idempotent batch does not need
	produceTimeout     = 5 * time.Second
	maxProduceResponse = 4 << 20
)

// produceRequest writes one batch to each of several partitions, on whatever brokers lead them: kafka-go's transport
// splits it by leader. acks=all.
type produceRequest struct {
	clientID string
	parts    []producePart
	moments  *moments
}

type producePart struct {
	stage.TopicPartition
	batch []byte
	end   int64  // after what was acknowledged last; 0 before anything was
	acked uint64 // the moment of that; 0 if the broker is to be asked in any case
}

// produced says, part by part, where a batch went or why it did not.
type produced struct {
	offsets []int64
	errs    []error
}

func (*produceRequest) ApiKey() protocol.ApiKey { return protocol.Produce }
func (*produced) ApiKey() protocol.ApiKey       { return protocol.Produce }

// Split implements protocol.Splitter.
func (r *produceRequest) Split(c protocol.Cluster) ([]protocol.Message, protocol.Merger, error) {
	var out []protocol.Message
	by := map[int32]*produceTo{}
	m := &produceMerger{offsets: make([]int64, len(r.parts)), errs: make([]error, len(r.parts))}
	for i, p := range r.parts {
		b, err := leader(c, p.TopicPartition)
		if err != nil {
			m.errs[i] = err
			continue
		}
		to := by[b.ID]
		if to == nil {
			to = &produceTo{broker: b, clientID: r.clientID, parts: r.parts, moments: r.moments}
			by[b.ID] = to
			out = append(out, to)
		}
		to.index = append(to.index, i)
	}
	return out, m, nil
}

type produceMerger produced

// Merge implements protocol.Merger.
func (m *produceMerger) Merge(requests []protocol.Message, results []any) (protocol.Message, error) {
	for n, q := range requests {
		to := q.(*produceTo)
		switch res := results[n].(type) {
		case error:
			for _, i := range to.index {
				m.errs[i] = res
			}
		case *produced:
			for k, i := range to.index {
				m.offsets[i], m.errs[i] = res.offsets[k], res.errs[k]
			}
		}
	}
	return (*produced)(m), nil
}

// produceTo is the part of a produceRequest that goes to one broker.
type produceTo struct {
	broker   protocol.Broker
	clientID string
	parts    []producePart
	moments  *moments
	index    []int // which of parts
}

func (*produceTo) ApiKey() protocol.ApiKey                            { return protocol.Produce }
func (*produceTo) Required(map[protocol.ApiKey]int16) bool            { return true }
func (p *produceTo) Broker(protocol.Cluster) (protocol.Broker, error) { return p.broker, nil }

// RawExchange implements protocol.RawExchanger.
func (p *produceTo) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if lost, err := p.tails(rw); lost != nil || err != nil {
		return lost, err
	}
	var topics []string
	size := 256
	for _, i := range p.index {
		size += len(p.parts[i].batch) + 64
		if !slices.Contains(topics, p.parts[i].Topic) {
			topics = append(topics, p.parts[i].Topic)
			size += len(p.parts[i].Topic) + 16
		}
	}
	q := make([]byte, 0, size)
	q = appendHeader(q, int16(protocol.Produce), produceVersion, p.clientID)
	q = be.AppendUint16(q, 0xffff) // no transaction
	q = be.AppendUint16(q, 0xffff) // all replicas in sync
	q = be.AppendUint32(q, uint32(produceTimeout.Milliseconds()))
	q = be.AppendUint32(q, uint32(len(topics)))
	for _, topic := range topics {
		q = appendStr(q, topic)
		at, n := len(q), uint32(0)
		q = be.AppendUint32(q, 0)
		for _, i := range p.index {
			if x := &p.parts[i]; x.Topic == topic {
				n++
				q = be.AppendUint32(q, uint32(x.Partition))
				q = be.AppendUint32(q, uint32(len(x.batch)))
				q = append(q, x.batch...)
			}
		}
		be.PutUint32(q[at:], n)
	}
	body, err := exchange(rw, q, maxProduceResponse)
	if err != nil {
		return nil, err
	}
	return p.parse(body)
}

func (p *produceTo) parse(body []byte) (*produced, error) {
	res := &produced{offsets: make([]int64, len(p.index)), errs: make([]error, len(p.index))}
	for k := range res.errs {
		res.errs[k] = kafkago.Unknown // until the broker has said something about it
	}
	c := &cursor{b: body}
	for topics := c.count(6); topics > 0; topics-- {
		topic := c.str()
		for n := c.count(30); n > 0; n-- {
			partition, code, offset := c.i32(), c.i16(), c.i64()
			c.i64() // append time
			c.i64() // log start
			for k, i := range p.index {
				if x := &p.parts[i]; x.Partition == partition && x.Topic == topic {
					res.offsets[k], res.errs[k] = offset, nil
					if code != 0 {
						res.errs[k] = kafkago.Error(code)
					}
				}
			}
		}
	}
	if c.bad {
		return nil, fmt.Errorf("produce response: %w", errShort)
	}
	return res, nil
}

// produce sends one batch to each part and waits for the answers. The returned error concerns all parts.
func (c *Client) produce(ctx context.Context, parts []producePart) (*produced, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	m, err := c.transport.RoundTrip(ctx, c.raw.Addr, &produceRequest{clientID: c.cfg.ClientID, parts: parts, moments: &c.moments})
	if err != nil {
		return nil, err
	}
	return m.(*produced), nil
}
