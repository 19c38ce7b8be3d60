package schemas

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"time"
)

const (
	maxLearnt = 1000
	// noSchemaFor is how long the answer "there is no such schema" holds.
	noSchemaFor = 30 * time.Second
)

// fetcher gets a schema's text from the registry; ErrUnknownSchema where there is none.
type fetcher func(ctx context.Context, id uint32) (string, error)

// learner asks for one schema at a time, so that many readers that meet a new schema at once ask once.
type learner struct {
	fetch  fetcher
	turn   chan struct{}
	order  *[]uint32 // the ids learnt, oldest first
	absent map[uint32]absence
}

type absence struct {
	err   error
	until time.Time
}

func newLearner(fetch fetcher) learner {
	return learner{fetch: fetch, turn: make(chan struct{}, 1), order: new([]uint32), absent: map[uint32]absence{}}
}

func (l learner) ask(ctx context.Context, id uint32, learnt *atomic.Pointer[map[uint32]*writer]) error {
	if l.fetch == nil {
		return fmt.Errorf("%w %d: and this codec has no registry to ask", ErrUnknownSchema, id)
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return fmt.Errorf("%w: schema %d: %w", ErrRegistry, id, context.Cause(ctx))
	}
	if (*learnt.Load())[id] != nil {
		return nil
	}
	if a, ok := l.absent[id]; ok && time.Now().Before(a.until) {
		return a.err
	}
	text, err := l.fetch(ctx, id)
	if err != nil && !errors.Is(err, ErrUnknownSchema) {
		return fmt.Errorf("%w: schema %d: %w", ErrRegistry, id, err)
	}
	var w *writer
	if err == nil {
		w, err = newWriter(text)
	}
	if err != nil {
		return l.forget(id, err)
	}
	delete(l.absent, id)
	next := maps.Clone(*learnt.Load())
	if next[id] = w; len(next) > maxLearnt {
		delete(next, (*l.order)[0])
		*l.order = (*l.order)[1:]
	}
	*l.order = append(*l.order, id)
	learnt.Store(&next)
	return nil
}

// forget remembers for a while that id has no schema that can be read.
func (l learner) forget(id uint32, err error) error {
	if !errors.Is(err, ErrUnknownSchema) {
		err = fmt.Errorf("%w %d: %w", ErrUnknownSchema, id, err)
	}
	if len(l.absent) >= maxLearnt {
		clear(l.absent)
	}
	l.absent[id] = absence{err, time.Now().Add(noSchemaFor)}
	return err
}
