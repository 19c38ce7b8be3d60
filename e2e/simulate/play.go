package simulate

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Play plays n seeds from one on, as many at a time as there are cores, until one fails. It returns how many it played, what
// happened in them, and the first that failed, nil if none did.
func Play(from uint64, n int) (played int, total Stats, failed *Result) {
	var next atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(n) {
					return
				}
				r := Run(from + uint64(i))
				mu.Lock()
				played++
				total.add(&r.Stats)
				if r.Err != nil && (failed == nil || r.Seed < failed.Seed) {
					failed = &r
					next.Store(int64(n)) // the others end with the seed that they play
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return played, total, failed
}
