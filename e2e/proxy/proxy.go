// Package proxy is a network between a service and Apache Kafka that loses answers and holds requests back. It is toxiproxy
// with toxics that know Kafka's frames: where a request ends, and which it is. The brokers have to advertise the proxy's
// addresses on a listener of its own (realkafka.Linked), or their clients would soon go past it.
package proxy

import (
	"fmt"
	"strings"
	"sync"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// What a request is, by Kafka's protocol.
const (
	Produce           int16 = 0
	AddPartitionsToTx int16 = 24
)

// Proxy is the network between one service and all brokers. Its methods may be called from any goroutine.
type Proxy struct {
	proxies []*toxiproxy.Proxy

	mu      sync.Mutex
	every   int           // the answer of every so many produce requests is lost; of none where 0
	writes  int           // produce requests
	lost    int           // of their answers
	refused int           // of them by the broker, as those of an owner that has been replaced
	armed   bool          // hold from the next request of this kind on
	kind    int16         //
	held    chan struct{} // open while nothing gets through
}

// Route is where the proxy listens and where it connects to.
type Route struct{ Listen, Connect string }

var server = sync.OnceValue(func() *toxiproxy.ApiServer {
	return toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
})

// Start begins to pass on what comes by the routes, one for each broker. Close it when done.
func Start(routes ...Route) (*Proxy, error) {
	p := &Proxy{}
	for _, r := range routes {
		x := toxiproxy.NewProxy(server(), r.Listen, r.Listen, r.Connect)
		name := register(&line{proxy: p})
		for typ, direction := range map[string]string{typeRequests: "upstream", typeAnswers: "downstream"} {
			_, err := x.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"type": %q, "stream": %q, "attributes": {"line": %q}}`, typ, direction, name)))
			if err != nil {
				return nil, fmt.Errorf("toxic %s: %w", typ, err)
			}
		}
		if err := x.Start(); err != nil {
			p.Close()
			return nil, fmt.Errorf("proxy at %s: %w", r.Listen, err)
		}
		p.proxies = append(p.proxies, x)
	}
	return p, nil
}

// LoseEvery has the answer of every n-th produce request lost, and its connection with it. The broker has taken it then.
// With 0 none is.
func (p *Proxy) LoseEvery(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.every = n
}

// Hold lets nothing through in either direction from the next request of a kind on, until Release. That request, and
// what is sent after it, arrives then: late, as those of a process that was stopped.
func (p *Proxy) Hold(kind int16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed, p.kind = true, kind
}

// Holds tells whether such a request has come.
func (p *Proxy) Holds() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held != nil
}

// Release ends a Hold, whether a request was held or not.
func (p *Proxy) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = false
	if p.held != nil {
		close(p.held)
		p.held = nil
	}
}

// Counts are the answers that were lost, and the produce requests that a broker refused because their sender had been
// replaced.
func (p *Proxy) Counts() (lost, refused int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost, p.refused
}

// Close cuts all connections.
func (p *Proxy) Close() {
	p.LoseEvery(0)
	p.Release()
	for _, x := range p.proxies {
		x.Stop()
	}
}

// wait waits while nothing gets through.
func (p *Proxy) wait() {
	p.mu.Lock()
	held := p.held
	p.mu.Unlock()
	if held != nil {
		<-held
	}
}
