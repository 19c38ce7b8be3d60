package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// Groups returns, by consumer group, up to where it has come in the partitions of some topics: the offsets that it has committed. Groups
// that have committed none are left out.
func (c *Client) Groups(ctx context.Context, topics ...string) (map[string]map[stage.TopicPartition]int64, error) {
	counts, err := c.Partitions(ctx, topics...)
	if err != nil {
		return nil, err
	}
	parts := map[string][]int{}
	for topic, n := range counts {
		for p := range int(n) {
			parts[topic] = append(parts[topic], p)
		}
	}
	out := map[string]map[stage.TopicPartition]int64{}
	err = retrying(ctx, "consumer groups", nobody{}.Retry, func() error {
		groups, err := c.raw.ListGroups(ctx, &kafkago.ListGroupsRequest{})
		if err == nil {
			err = groups.Error
		}
		if err != nil {
			return err
		}
		for _, g := range groups.Groups {
			r, err := c.raw.OffsetFetch(ctx, &kafkago.OffsetFetchRequest{GroupID: g.GroupID, Topics: parts})
			if err == nil {
				err = r.Error
			}
			if err != nil {
				return fmt.Errorf("group %s: %w", g.GroupID, err)
			}
			for topic, answers := range r.Topics {
				for _, a := range answers {
					if a.Error != nil || a.CommittedOffset < 0 {
						continue
					}
					if out[g.GroupID] == nil {
						out[g.GroupID] = map[stage.TopicPartition]int64{}
					}
					out[g.GroupID][stage.TopicPartition{Topic: topic, Partition: int32(a.Partition)}] = a.CommittedOffset
				}
			}
		}
		return nil
	})
	return out, err
}

// BatchEnd is the offset after the batch that holds the record at an offset: what a broker keeps or deletes, it keeps or deletes as
// whole batches.
func (c *Client) BatchEnd(ctx context.Context, tp stage.TopicPartition, offset int64) (end int64, err error) {
	req := &fetchRequest{minBytes: 1, maxBytes: readBytes, maxWait: idleWait, parts: []fetchPart{{tp, offset, readBytes}}}
	err = retrying(ctx, "fetch", nobody{}.Retry, func() error {
		parts, err := c.fetch(ctx, req)
		if err != nil {
			return err
		}
		for b := parts[0].batches; parts[0].err == nil && len(b) >= 27; {
			if end = int64(be.Uint64(b)) + int64(int32(be.Uint32(b[23:]))) + 1; end > offset {
				return nil
			}
			b = b[min(len(b), 12+max(0, int(int32(be.Uint32(b[8:]))))):]
		}
		return &partitionError{tp, offset, errors.Join(errors.New("no batch is there"), parts[0].err)}
	})
	return end, err
}

// DeleteBefore deletes the records of a partition before an offset. What is deleted already is no error.
func (c *Client) DeleteBefore(ctx context.Context, tp stage.TopicPartition, offset int64) error {
	if inject.RejectsKept.Is() && tp.Topic == "chat.rejects" {
		return nil
	}
	return retrying(ctx, "delete records", nobody{}.Retry, func() error {
		b, err := c.bounds(ctx, []stage.TopicPartition{tp})
		if err != nil || b[tp][0] >= offset {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		if _, err = c.transport.RoundTrip(ctx, c.raw.Addr, &deleteRequest{c.cfg.ClientID, tp, offset}); err != nil {
			return &partitionError{tp, offset, err}
		}
		return nil
	})
}

// deleteRequest is DeleteRecords, which kafka-go does not have.
type deleteRequest struct {
	clientID string
	stage.TopicPartition
	before int64
}

type deleteResponse struct{}

func (*deleteRequest) ApiKey() protocol.ApiKey                 { return protocol.DeleteRecords }
func (*deleteResponse) ApiKey() protocol.ApiKey                { return protocol.DeleteRecords }
func (*deleteRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// Broker implements protocol.BrokerMessage.
func (d *deleteRequest) Broker(c protocol.Cluster) (protocol.Broker, error) {
	return leader(c, d.TopicPartition)
}

// RawExchange implements protocol.RawExchanger.
func (d *deleteRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	q := appendHeader(nil, int16(protocol.DeleteRecords), 1, d.clientID)
	q = be.AppendUint32(q, 1)
	q = appendStr(q, d.Topic)
	q = be.AppendUint32(q, 1)
	q = be.AppendUint32(q, uint32(d.Partition))
	q = be.AppendUint64(q, uint64(d.before))
	q = be.AppendUint32(q, uint32(requestTimeout.Milliseconds()))
	body, err := exchange(rw, q, 1<<20)
	if err != nil {
		return nil, err
	}
	c := &cursor{b: body}
	c.i32() // throttle time
	for topics := c.count(6); topics > 0; topics-- {
		c.str()
		for n := c.count(14); n > 0; n-- {
			c.i32() // partition
			c.i64() // low watermark
			if code := c.i16(); code != 0 {
				return nil, kafkago.Error(code)
			}
		}
	}
	if c.bad {
		return nil, fmt.Errorf("answer to delete records: %w", errShort)
	}
	return &deleteResponse{}, nil
}
