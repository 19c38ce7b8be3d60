package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// deaf lets no produce request through until open is called.
func deaf(k *kfake.Cluster) (open func()) {
	gate := make(chan struct{})
	k.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		select {
		case <-gate:
			return nil, nil, false // and no KeepControl: from here on everything passes
		default:
			k.KeepControl()
			return nil, errors.New("connection lost"), true
		}
	})
	return func() { close(gate) }
}

// What a publisher holds is bounded whatever comes, and it says how it fares. Nothing is confirmed before it is in the
// topic, and what was not taken, or was withdrawn in time, is never in it.
func TestPublisherHoldsOnlySoMuch(t *testing.T) {
	k, cfg := cluster(t, 1, "a")
	open := deaf(k)
	c := client(t, cfg)
	p := NewPublisher(c, nil)
	defer p.Close()
	const each = 1 << 20
	const calls = 2 * MaxHeld / each
	type result struct {
		key string
		err error
	}
	results := make(chan result, calls)
	offer := func(ctx context.Context, key string) {
		results <- result{key, p.Offer(ctx, []stage.Record{{Topic: "a", Key: []byte(key), Value: make([]byte, each)}})}
	}
	go offer(t.Context(), "first")
	eventually(t, "it fails", func() bool { return p.Load().Failing != nil }) // so the others wait behind it
	gone, leave := context.WithCancel(t.Context())
	go offer(gone, "gone")
	eventually(t, "it waits", func() bool { return p.Load().Held > 2*each })
	leave()
	if r := <-results; r.key != "gone" || !errors.Is(r.err, context.Canceled) {
		t.Fatalf("%+v", r)
	}
	for i := range calls - 2 {
		go offer(t.Context(), fmt.Sprint(i))
	}
	refused := 0
	eventually(t, "the others are refused", func() bool {
		if held := p.Load().Held; held > MaxHeld {
			t.Fatalf("%d bytes are held, at most %d", held, MaxHeld)
		}
		select {
		case r := <-results:
			if !errors.Is(r.err, ErrFull) {
				t.Fatalf("%s: %v while no broker answers", r.key, r.err)
			}
			refused++
		default:
		}
		return refused == calls/2
	})
	if l := p.Load(); l.Oldest <= 0 || l.Failing == nil {
		t.Errorf("%+v", l)
	}
	open()
	var want []string
	for range calls - 1 - refused {
		r := <-results
		if errors.Is(r.err, ErrFull) {
			continue
		}
		if r.err != nil {
			t.Fatal(r.err)
		}
		want = append(want, r.key)
	}
	var got []string
	for _, r := range contents(t, c, "a") {
		got = append(got, string(r.Key))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("in the topic %v\nconfirmed    %v", got, want)
	}
	if l := p.Load(); l.Held != 0 || l.Oldest != 0 || l.Failing != nil || l.Rate <= 0 {
		t.Errorf("at rest: %+v", l)
	}
}
