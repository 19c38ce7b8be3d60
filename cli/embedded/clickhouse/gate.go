package clickhouse

import "sync"

// gate counts who is inside, so that the engine closes when nobody is and nobody can come any more.
type gate struct {
	mu     sync.Mutex
	inside int
	empty  chan struct{} // made by shut, closed when the last has left
}

// enter returns false once the gate is shut.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.empty != nil {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.inside == 0 && g.empty != nil {
		close(g.empty)
	}
}

// shut lets nobody in any more, and returns a channel that closes when all have left. It is called once.
func (g *gate) shut() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.empty = make(chan struct{})
	if g.inside == 0 {
		close(g.empty)
	}
	return g.empty
}
