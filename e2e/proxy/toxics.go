package proxy

import (
	"encoding/binary"
	"strconv"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// The two toxics, one for each direction of a connection. toxiproxy makes them from JSON, so they name their line.
const (
	typeRequests = "kafka_requests"
	typeAnswers  = "kafka_answers"
)

func init() {
	toxics.Register(typeRequests, new(requests))
	toxics.Register(typeAnswers, new(answers))
}

type requests struct {
	Line string `json:"line"`
}

type answers struct {
	Line string `json:"line"`
}

// line is the way to one broker.
type line struct {
	proxy *Proxy
	next  *conn // whose other direction is to come
}

// conn is what the two directions of a connection know of each other. A Kafka client of ours has one request at a time on
// a connection, so that the next answer is the last request's.
type conn struct {
	line *line

	mu    sync.Mutex
	write bool // the last request was a produce request
	lose  bool // its answer
}

var lines struct {
	sync.Mutex
	all []*line
}

func register(l *line) string {
	lines.Lock()
	defer lines.Unlock()
	lines.all = append(lines.all, l)
	return strconv.Itoa(len(lines.all) - 1)
}

func find(name string) *line {
	lines.Lock()
	defer lines.Unlock()
	i, err := strconv.Atoi(name)
	if err != nil || i < 0 || i >= len(lines.all) {
		panic("no line " + name)
	}
	return lines.all[i]
}

// NewState implements toxics.StatefulToxic. toxiproxy sets one connection of a line up after the other, and the way to
// the broker before the way back.
func (r *requests) NewState() interface{} {
	l := find(r.Line)
	l.next = &conn{line: l}
	return l.next
}

// NewState implements toxics.StatefulToxic.
func (a *answers) NewState() interface{} { return find(a.Line).next }

// Pipe implements toxics.Toxic.
func (r *requests) Pipe(stub *toxics.ToxicStub) {
	c := stub.State.(*conn)
	frames(stub, func(frame []byte) bool { c.request(frame); return true })
}

// Pipe implements toxics.Toxic.
func (a *answers) Pipe(stub *toxics.ToxicStub) {
	frames(stub, stub.State.(*conn).answer)
}

const (
	head     = 4 // the length
	patience = 5 * time.Second
)

// frames passes whole frames on, until pass says that the connection ends.
func frames(stub *toxics.ToxicStub, pass func(frame []byte) bool) {
	defer func() {
		stub.Close()
		for range stub.Input { // or whoever reads for us would never end
		}
	}()
	var buf []byte
	for chunk := range stub.Input {
		buf = append(buf, chunk.Data...)
		for len(buf) >= head {
			n := head + int(binary.BigEndian.Uint32(buf))
			if len(buf) < n {
				break
			}
			frame := buf[:n:n]
			buf = buf[n:]
			if !pass(frame) {
				return
			}
			if stub.WriteOutput(&stream.StreamChunk{Data: frame, Timestamp: chunk.Timestamp}, patience) != nil {
				return // the other side has closed
			}
		}
	}
}

// request sees a request before the broker does.
func (c *conn) request(frame []byte) {
	p := c.line.proxy
	if len(frame) < head+2 {
		return
	}
	kind := int16(binary.BigEndian.Uint16(frame[head:]))
	p.mu.Lock()
	if p.armed && kind == p.kind {
		p.armed, p.held = false, make(chan struct{})
	}
	lose := false
	if kind == Produce && p.every > 0 {
		p.writes++
		lose = p.writes%p.every == 0
	}
	p.mu.Unlock()
	p.wait()
	c.mu.Lock()
	c.write, c.lose = kind == Produce, lose
	c.mu.Unlock()
}

// answer sees an answer before the client does, and tells whether it may have it.
func (c *conn) answer(frame []byte) bool {
	p := c.line.proxy
	p.wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.write && replaced(frame[head:]) {
		p.refused++
	}
	if c.lose {
		p.lost++
	}
	return !c.lose
}

// replaced tells whether a produce answer (version 7) says that the sender's epoch is over.
func replaced(body []byte) bool {
	const topics = 4 + 4 // correlation id, count
	if len(body) < topics+2 {
		return false
	}
	at := topics + 2 + int(binary.BigEndian.Uint16(body[topics:])) + 4 + 4 // name, count of partitions, partition
	if len(body) < at+2 {
		return false
	}
	code := binary.BigEndian.Uint16(body[at:])
	return code == 47 || code == 90
}
