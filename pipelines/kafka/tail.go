package kafka

import (
	"errors"
	"fmt"
	"io"
	"sync"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/casetrail/casetrail/pipelines/inject"
)

// A broker that comes back without the tail of a log may have lost with it what it knew of a producer, and takes whatever
// number that one goes on with. What is written then stands behind a hole that nobody sees afterwards. So a producer looks,
// before it writes on a connection that it did not have when its last batch was acknowledged, whether the log still reaches that
// far. A connection ends with its broker's process: on one that is older than the acknowledgement there is nothing to look for.

const (
	listOffsetsVersion     = 1
	maxListOffsetsResponse = 1 << 20
	latest                 = ^uint64(0) // timestamp -1: where the log ends
)

var errNotSent = errors.New("not sent, as another partition of the request was not as it should be")

// moments are in the order in which they are given out, from 1 on: when a client first used a connection, and when it heard
// that a batch is durable. For concurrent use.
type moments struct {
	mu   sync.Mutex
	last uint64
	born map[io.ReadWriter]uint64
}

// maxBorn bounds how many connections are known. One that is forgotten counts as new.
const maxBorn = 1024

func (m *moments) next() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last++
	return m.last
}

func (m *moments) of(conn io.ReadWriter) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.born[conn]; ok {
		return at
	}
	if m.born == nil || len(m.born) >= maxBorn {
		m.born = map[io.ReadWriter]uint64{}
	}
	m.last++
	m.born[conn] = m.last
	return m.last
}

// tails compares the ends of the logs with what was acknowledged, where conn is too young for that to be certain. It returns nil
// if all of them reach that far.
func (p *produceTo) tails(conn io.ReadWriter) (*produced, error) {
	if inject.TailNotLookedFor.Is() {
		return nil, nil
	}
	born := p.moments.of(conn)
	var unsure []int
	for k, i := range p.index {
		if x := &p.parts[i]; x.end > 0 && x.acked < born {
			unsure = append(unsure, k)
		}
	}
	if len(unsure) == 0 {
		return nil, nil
	}
	q := appendHeader(make([]byte, 0, 64+64*len(unsure)), int16(protocol.ListOffsets), listOffsetsVersion, p.clientID)
	q = be.AppendUint32(q, ^uint32(0)) // no replica
	q = be.AppendUint32(q, uint32(len(unsure)))
	for _, k := range unsure {
		x := &p.parts[p.index[k]]
		q = appendStr(q, x.Topic)
		q = be.AppendUint32(q, 1)
		q = be.AppendUint32(q, uint32(x.Partition))
		q = be.AppendUint64(q, latest)
	}
	body, err := exchange(conn, q, maxListOffsetsResponse)
	if err != nil {
		return nil, err
	}
	return p.parseTails(body, unsure)
}

func (p *produceTo) parseTails(body []byte, unsure []int) (*produced, error) {
	res := &produced{offsets: make([]int64, len(p.index)), errs: make([]error, len(p.index))}
	for k := range res.errs {
		res.errs[k] = errNotSent
	}
	for _, k := range unsure {
		res.errs[k] = kafkago.Unknown // until the broker has said something about it
	}
	c, sure := &cursor{b: body}, 0
	for topics := c.count(6); topics > 0; topics-- {
		topic := c.str()
		for n := c.count(22); n > 0; n-- {
			partition, code := c.i32(), c.i16()
			c.i64() // timestamp
			end := c.i64()
			for _, k := range unsure {
				x := &p.parts[p.index[k]]
				if x.Partition != partition || x.Topic != topic || res.errs[k] != kafkago.Unknown {
					continue
				}
				switch {
				case code != 0:
					res.errs[k] = kafkago.Error(code)
				case end < x.end:
					res.errs[k] = fmt.Errorf("%w: the log has lost its tail: it ends at offset %d, and had been acknowledged up to %d", ErrSequence, end, x.end)
				default:
					res.errs[k] = errNotSent
					sure++
				}
			}
		}
	}
	switch {
	case c.bad:
		return nil, fmt.Errorf("list offsets response: %w", errShort)
	case sure == len(unsure):
		return nil, nil
	}
	return res, nil
}
