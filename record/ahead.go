package record

import "runtime"

// Ahead does what each thing of a sequence needs by itself on all cores, ahead of what needs the things before it: work is
// called for batches side by side, take for one thing after the other, in the order in which they came and on the caller's
// goroutine. So what take sees does not depend on how many cores there are, and the first fault is the first one. Its
// memory is used again and bounded: so many batches for each core.
type Ahead[T any] struct {
	work func(*T)
	take func(*T) error
	ring []batch[T] // those after the last one are being worked on, the oldest first
	last int        // the one that is being filled
	err  error      // the first of take's
}

// batch is what one goroutine works on at a time.
type batch[T any] struct {
	items  [64]T
	filled int
	done   chan struct{} // closed when all are worked on; nil where nobody works on them
}

// NewAhead begins a sequence. Call Finish at its end.
func NewAhead[T any](work func(*T), take func(*T) error) *Ahead[T] {
	return &Ahead[T]{work: work, take: take, ring: make([]batch[T], 1+2*runtime.GOMAXPROCS(0))}
}

// Next gives the next thing, to be filled in before the next call. It has what an earlier one left in it, whose memory may
// be used again. The error is take's first one, and final.
func (a *Ahead[T]) Next() (*T, error) {
	b := &a.ring[a.last]
	if b.filled == len(b.items) {
		b = a.turn()
	}
	if a.err != nil {
		return nil, a.err
	}
	b.filled++
	return &b.items[b.filled-1], nil
}

// Finish takes all that has come and returns take's first error. No goroutine is left when it returns.
func (a *Ahead[T]) Finish() error {
	for range a.ring {
		a.turn()
	}
	return a.err
}

// turn has the batch that was filled worked on, and takes the oldest one, which is the next to be filled.
func (a *Ahead[T]) turn() *batch[T] {
	if b := &a.ring[a.last]; b.filled > 0 {
		b.done = make(chan struct{})
		go b.run(a.work)
	}
	a.last = (a.last + 1) % len(a.ring)
	oldest := &a.ring[a.last]
	if oldest.done != nil {
		<-oldest.done
	}
	for i := 0; i < oldest.filled && a.err == nil; i++ {
		a.err = a.take(&oldest.items[i])
	}
	oldest.filled, oldest.done = 0, nil
	return oldest
}

func (b *batch[T]) run(work func(*T)) {
	for i := range b.items[:b.filled] {
		work(&b.items[i])
	}
	close(b.done)
}

// Prepared is a body on which all has been done that needs no other record: it is decoded and hashed, and its signature
// verified under the key that seemed to be the one. Whether it is, and all else, Chain.Take judges.
type Prepared struct {
	Signed
	body     []byte
	keys     []key // those that were known; none if signatures are Take's own business
	unsigned bool  // no signature is looked at, but for a rotation's
	fault    *Fault
	leaf     Hash
	by       *key // its signature has been verified under it
	pae      []byte
}

// Load notes what is to be prepared, and the keys that the chain knows. unsigned leaves signatures out, as AcceptUnverified
// does. The body must stay as it is until it is taken.
func (c *Chain) Load(p *Prepared, body []byte, unsigned bool) {
	p.body, p.keys, p.unsigned = body, c.keys, unsigned
}

// Prepare does it. Unlike the chain's methods it may run beside them.
func (p *Prepared) Prepare() {
	p.by, p.fault = nil, nil
	if err := p.Decode(p.body); err != nil {
		p.fault = err.(*Fault)
		return
	}
	p.leaf = LeafHash(p.body)
	if len(p.keys) == 0 || p.unsigned {
		return
	}
	if k := keyAt(p.keys, p.Sequence); p.keyID() == k.KeyHash() && p.verifies(k) {
		p.by = k
	}
}

// verifies tells whether the signature verifies under a key.
func (p *Prepared) verifies(k *key) bool {
	p.pae = PAE(p.pae[:0], p.Payload)
	return k.Verify(p.pae, p.Signature[:])
}
