package broker

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Where things are in a record batch (format 2).
const (
	crcAt        = 17
	attributesAt = 21
	firstTimeAt  = 27
	maxTimeAt    = 35
	batchHeader  = 61
	appendTime   = 0x08 // attribute: the time is the broker's
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stamps gives batches the time of their arrival, in the topics that want it.
type stamps struct {
	mu     sync.Mutex
	topics map[string]bool
}

func newStamps() *stamps { return &stamps{topics: map[string]bool{}} }

func (s *stamps) set(topic, timestampType string) {
	if timestampType != "" {
		s.mu.Lock()
		s.topics[topic] = timestampType == "LogAppendTime"
		s.mu.Unlock()
	}
}

// watch looks at the requests that concern time before the cluster does.
func (s *stamps) watch(c *kfake.Cluster) {
	const produce, createTopics, incrementalAlterConfigs = 0, 19, 44
	const topicResource = 2
	see := func(topic, name string, value *string) {
		if name == "message.timestamp.type" && value != nil {
			s.set(topic, strings.TrimSpace(*value))
		}
	}
	c.ControlKey(createTopics, func(req kmsg.Request) (kmsg.Response, error, bool) {
		for _, t := range req.(*kmsg.CreateTopicsRequest).Topics {
			for _, cfg := range t.Configs {
				see(t.Topic, cfg.Name, cfg.Value)
			}
		}
		return nil, nil, false
	})
	c.ControlKey(incrementalAlterConfigs, func(req kmsg.Request) (kmsg.Response, error, bool) {
		for _, r := range req.(*kmsg.IncrementalAlterConfigsRequest).Resources {
			for _, cfg := range r.Configs {
				if r.ResourceType == topicResource {
					see(r.ResourceName, cfg.Name, cfg.Value)
				}
			}
		}
		return nil, nil, false
	})
	c.ControlKey(produce, func(req kmsg.Request) (kmsg.Response, error, bool) {
		now := time.Now().UnixMilli()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, t := range req.(*kmsg.ProduceRequest).Topics {
			for _, p := range t.Partitions {
				stamp(p.Records, s.topics[t.Topic], now)
			}
		}
		return nil, nil, false
	})
}

// stamp moves a batch in time so that its last record is of now. It also takes away a client's own mark that the time is
// the broker's: kfake would change the times beneath the checksum, and then not read the batch again.
func stamp(batch []byte, arrival bool, now int64) {
	if len(batch) < batchHeader {
		return
	}
	marked := batch[attributesAt+1]&appendTime != 0
	if !arrival && !marked || crc32.Checksum(batch[attributesAt:], castagnoli) != binary.BigEndian.Uint32(batch[crcAt:]) {
		return
	}
	batch[attributesAt+1] &^= appendTime
	first, last := binary.BigEndian.Uint64(batch[firstTimeAt:]), binary.BigEndian.Uint64(batch[maxTimeAt:])
	binary.BigEndian.PutUint64(batch[firstTimeAt:], uint64(now)-(last-first))
	binary.BigEndian.PutUint64(batch[maxTimeAt:], uint64(now))
	binary.BigEndian.PutUint32(batch[crcAt:], crc32.Checksum(batch[attributesAt:], castagnoli))
}
