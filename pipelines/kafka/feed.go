package kafka

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/casetrail/casetrail/pipelines/stage"
)

const (
	fetchBytes = 1 << 20 // of one fetch, all partitions together
	idleWait   = 250 * time.Millisecond
	// While records keep coming, a fetch waits a moment for more, which saves a round trip for every few records.
	busyBytes = 32 << 10
	busyWait  = 3 * time.Millisecond
	// feedBudget is how much one fetch may decompress to, and maxKept how many records' slice is kept for the next one.
	feedBudget = 4 << 20
	maxKept    = 16 << 10
	// maxStalled is how many fetches may bring bytes but no whole batch, beyond one for each partition.
	maxStalled = 3
)

// feed fetches from several partitions, one request at a time to each broker that leads some of them, and is always one
// fetch ahead of its reader. It retries what is transient.
type feed struct {
	client  *Client
	retry   func(what string, err error)
	sources []*source
	out     chan *chunk // closed at the end
	free    chan *chunk
	cancel  context.CancelFunc
	err     error // why it ended; to be read after out is closed

	mu      sync.Mutex
	paused  []stage.TopicPartition
	changed chan struct{} // closed and made anew when paused changes
}

// source is one partition; it belongs to the goroutine that fetches from its leader.
type source struct {
	stage.TopicPartition
	next  int64 // what to fetch next; ahead is the same once the chunk in hand is delivered
	ahead int64
	decoder
}

// chunk is what one fetch brought, which may be nothing. Records of one partition are in order.
type chunk struct {
	records []stage.Record
	parts   []progress
}

// progress tells how far a fetch got in one partition: up to next, of what then ended at high.
type progress struct {
	stage.TopicPartition
	next, high int64
}

// startFeed begins to fetch at the given offsets. Stop it when done.
func startFeed(ctx context.Context, c *Client, next map[stage.TopicPartition]int64, retry func(string, error)) *feed {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{client: c, retry: retry, cancel: cancel, out: make(chan *chunk), free: make(chan *chunk, 4), changed: make(chan struct{})}
	for tp, offset := range next {
		f.sources = append(f.sources, &source{TopicPartition: tp, next: offset})
	}
	slices.SortFunc(f.sources, func(a, b *source) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	go func() {
		defer close(f.out)
		f.err = f.run(ctx)
	}()
	return f
}

// stop ends the feed and waits for its goroutines.
func (f *feed) stop() {
	f.cancel()
	for range f.out {
	}
}

// pause says which partitions not to fetch until it is called again. What is on its way comes all the same.
func (f *feed) pause(tps []stage.TopicPartition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Equal(f.paused, tps) {
		return
	}
	f.paused = tps
	close(f.changed)
	f.changed = make(chan struct{})
}

// wanted are the sources that are not paused, and a channel that is closed when that changes.
func (f *feed) wanted(sources []*source) ([]*source, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.paused) == 0 {
		return sources, f.changed
	}
	var out []*source
	for _, s := range sources {
		if !slices.Contains(f.paused, s.TopicPartition) {
			out = append(out, s)
		}
	}
	return out, f.changed
}

// recycle takes a chunk back, whose slices are used again. The records' bytes are not.
func (f *feed) recycle(c *chunk) {
	if cap(c.records) > maxKept {
		return
	}
	clear(c.records) // lets go of the buffers
	c.records, c.parts = c.records[:0], c.parts[:0]
	select {
	case f.free <- c:
	default:
	}
}

func (f *feed) chunk() *chunk {
	select {
	case c := <-f.free:
		return c
	default:
		return &chunk{}
	}
}

// run fetches until ctx ends or something fails for good. It groups the partitions by leader, anew whenever that fails.
func (f *feed) run(ctx context.Context) error {
	var wait backoff
	for {
		began := time.Now()
		err := f.groups(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err = classify(err); fatal(err) {
			return err
		}
		f.retry("fetch", err)
		if time.Since(began) > 2*maxBackoff {
			wait = backoff{}
		}
		if err := wait.sleep(ctx); err != nil {
			return err
		}
	}
}

// groups fetches from every leader at once until one of them fails.
func (f *feed) groups(ctx context.Context) error {
	tps := make([]stage.TopicPartition, len(f.sources))
	for i, s := range f.sources {
		tps[i] = s.TopicPartition
		s.ahead = s.next
	}
	groups, err := f.client.byLeader(ctx, tps)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, g := range groups {
		own := make([]*source, len(g))
		for i, k := range g {
			own[i] = f.sources[k]
		}
		wg.Go(func() { cancel(f.group(ctx, own)) })
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (f *feed) group(ctx context.Context, all []*source) error {
	stalled := 0
	for first, busy := 0, false; ; first++ {
		sources, changed := f.wanted(all)
		if len(sources) == 0 {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		share := int32(max(fetchBytes/len(sources), 64<<10))
		req := &fetchRequest{committed: true, minBytes: 1, maxBytes: fetchBytes, maxWait: idleWait, parts: make([]fetchPart, len(sources))}
		if busy {
			req.minBytes, req.maxWait = busyBytes, busyWait
		}
		for i := range sources { // each comes first in turn, since the first one is served best
			s := sources[(first+i)%len(sources)]
			req.parts[i] = fetchPart{s.TopicPartition, s.next, share}
		}
		parts, err := f.client.fetch(ctx, req)
		if err != nil {
			return err
		}
		c, size, err := f.decode(sources, parts)
		if err != nil {
			return err
		}
		busy = len(c.records) > 0 && size < busyBytes
		if moved := slices.ContainsFunc(sources, func(s *source) bool { return s.ahead > s.next }); moved || size == 0 {
			stalled = 0
		} else if stalled++; stalled > len(sources)+maxStalled {
			return &partitionError{sources[0].TopicPartition, sources[0].next, fmt.Errorf("%w: no whole batch in %d bytes", ErrCorrupt, size)}
		}
		select {
		case f.out <- c:
			for _, s := range sources {
				s.next = s.ahead
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// decode makes a chunk of a response.
func (f *feed) decode(sources []*source, parts []fetched) (c *chunk, size int, err error) {
	c = f.chunk()
	left := newBudget(feedBudget)
	for i := range parts {
		p := &parts[i]
		at := slices.IndexFunc(sources, func(s *source) bool { return s.TopicPartition == p.TopicPartition })
		if at < 0 {
			continue
		}
		s := sources[at]
		if p.err != nil {
			return nil, 0, &partitionError{p.TopicPartition, s.next, p.err}
		}
		size += len(p.batches)
		if c.records, s.ahead, err = s.append(c.records, p, s.next, left); err != nil {
			return nil, 0, err
		}
		c.parts = append(c.parts, progress{p.TopicPartition, s.ahead, p.high})
	}
	return c, size, nil
}
