package kafka

import (
	"context"
	"maps"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/casetrail/casetrail/pipelines/stage"
)

const commitEvery = time.Second

// committer commits a generation's offsets in the background. They serve lag monitoring and, as a hint, intake; nothing
// correct depends on them. Only offsets whose outputs are durable are marked.
type committer struct {
	generation *kafkago.Generation
	retry      func(what string, err error)

	mu   sync.Mutex
	next map[stage.TopicPartition]int64
}

// mark notes that everything before next is done.
func (c *committer) mark(tp stage.TopicPartition, next int64) {
	c.mu.Lock()
	c.next[tp] = next
	c.mu.Unlock()
}

// run commits every second until ctx ends, and once more when the tasks have stopped.
func (c *committer) run(ctx context.Context, tasks *sync.WaitGroup) {
	t := time.NewTicker(commitEvery)
	defer t.Stop()
	done := map[stage.TopicPartition]int64{}
	for {
		select {
		case <-t.C:
			c.commit(done)
		case <-ctx.Done():
			tasks.Wait()
			c.commit(done)
			return
		}
	}
}

// commit sends what has changed since done.
func (c *committer) commit(done map[stage.TopicPartition]int64) {
	offsets := map[string]map[int]int64{}
	c.mu.Lock()
	next := maps.Clone(c.next)
	c.mu.Unlock()
	for tp, offset := range next {
		if old, ok := done[tp]; ok && old == offset {
			continue
		}
		if offsets[tp.Topic] == nil {
			offsets[tp.Topic] = map[int]int64{}
		}
		offsets[tp.Topic][int(tp.Partition)] = offset
	}
	if len(offsets) == 0 {
		return
	}
	if err := c.generation.CommitOffsets(offsets); err != nil {
		c.retry("commit", err)
		return
	}
	maps.Copy(done, next)
}
