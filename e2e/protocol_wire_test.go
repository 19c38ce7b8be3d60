package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// lostConnection stands where an error code does: the connection ends instead of an answer.
const lostConnection = -1000

// misfortune is what happens to some of a client's requests of one kind. The client can't tell it from a broker that
// fails: whatever it sees is a valid message of the protocol.
type misfortune struct {
	keys    []kmsg.Key
	code    int16
	applied bool                    // the broker does what was asked, and the client hears the error all the same
	skip    int                     // so many pass unharmed first
	count   int                     // so many are harmed; -1 is all
	only    func(kmsg.Request) bool // nil is all

	mu   sync.Mutex
	seen int
	hit  int
}

func (m *misfortune) hits() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hit
}

func (m *misfortune) strikes(a asked, rest []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.keys {
		if int16(k) != a.key || m.only != nil && !m.only(requestOf(a, rest)) {
			continue
		}
		if m.seen++; m.seen <= m.skip || m.count >= 0 && m.hit >= m.count {
			return false
		}
		m.hit++
		return true
	}
	return false
}

// reads are the requests that change nothing: whether the broker has seen one makes no difference.
func reads(key int16) bool {
	switch kmsg.Key(key) {
	case kmsg.Metadata, kmsg.ApiVersions, kmsg.Fetch, kmsg.ListOffsets, kmsg.FindCoordinator, kmsg.OffsetFetch:
		return true
	}
	return false
}

// dial is for kafka.Config.Dial: it puts the misfortune between the client and a broker.
func (m *misfortune) dial(ctx context.Context, network, address string) (net.Conn, error) {
	broker, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	client, inner := net.Pipe()
	w := &wire{misfortune: m, client: inner, broker: broker, asked: map[int32]asked{}}
	go w.requests()
	go w.answers()
	return named{client, broker}, nil
}

// named is a pipe that says where it leads.
type named struct {
	net.Conn
	broker net.Conn
}

func (n named) RemoteAddr() net.Addr { return n.broker.RemoteAddr() }
func (n named) LocalAddr() net.Addr  { return n.broker.LocalAddr() }

// wire carries the frames of one connection.
type wire struct {
	*misfortune
	client, broker net.Conn
	mu             sync.Mutex // of writing to the client
	asking         sync.Mutex
	asked          map[int32]asked // by correlation id
}

type asked struct {
	key, version int16
	harmed       bool
}

func (w *wire) close() {
	_ = w.client.Close()
	_ = w.broker.Close()
}

func readFrame(r io.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	b := make([]byte, 4+binary.BigEndian.Uint32(head))
	copy(b, head)
	_, err := io.ReadFull(r, b[4:])
	return b, err
}

// requests carries them to the broker, but for those that come to grief.
func (w *wire) requests() {
	defer w.close()
	for {
		b, err := readFrame(w.client)
		if err != nil {
			return
		}
		key, version, id := int16(binary.BigEndian.Uint16(b[4:])), int16(binary.BigEndian.Uint16(b[6:])), int32(binary.BigEndian.Uint32(b[8:]))
		a := asked{key: key, version: version}
		a.harmed = w.strikes(a, b[12:])
		if a.harmed && !w.applied {
			switch {
			case w.code == lostConnection:
				return
			case !reads(key):
				if w.answer(id, a, refusal(a, b[12:])) != nil {
					return
				}
				continue
			}
		}
		w.asking.Lock()
		w.asked[id] = a
		w.asking.Unlock()
		if _, err := w.broker.Write(b); err != nil {
			return
		}
	}
}

// answers carries them back, and puts the error into those that are to have one.
func (w *wire) answers() {
	defer w.close()
	for {
		b, err := readFrame(w.broker)
		if err != nil {
			return
		}
		id := int32(binary.BigEndian.Uint32(b[4:]))
		w.asking.Lock()
		a := w.asked[id]
		delete(w.asked, id)
		w.asking.Unlock()
		if !a.harmed {
			w.mu.Lock()
			_, err = w.client.Write(b)
			w.mu.Unlock()
			if err != nil {
				return
			}
			continue
		}
		if w.code == lostConnection {
			return
		}
		res := kmsg.ResponseForKey(a.key)
		res.SetVersion(a.version)
		body := b[8:]
		if res.IsFlexible() && a.key != int16(kmsg.ApiVersions) {
			body = body[1:] // no tags in the header
		}
		if err := res.ReadFrom(body); err != nil {
			panic(fmt.Sprintf("answer to %s version %d: %v", kmsg.NameForKey(a.key), a.version, err))
		}
		if w.answer(id, a, res) != nil {
			return
		}
	}
}

// answer sends a response with the error in it.
func (w *wire) answer(id int32, a asked, res kmsg.Response) error {
	fail(res, a.version, w.code)
	b := binary.BigEndian.AppendUint32(make([]byte, 4, 256), uint32(id))
	if res.IsFlexible() && a.key != int16(kmsg.ApiVersions) {
		b = append(b, 0)
	}
	b = res.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.client.Write(b)
	return err
}

// requestOf parses a request, whose frame goes on with rest after the correlation id.
func requestOf(a asked, rest []byte) kmsg.Request {
	req := kmsg.RequestForKey(a.key)
	req.SetVersion(a.version)
	if n := int16(binary.BigEndian.Uint16(rest)); n > 0 { // the client's name
		rest = rest[n:]
	}
	rest = rest[2:]
	if req.IsFlexible() {
		rest = rest[1:]
	}
	if err := req.ReadFrom(rest); err != nil {
		panic(fmt.Sprintf("%s version %d: %v", kmsg.NameForKey(a.key), a.version, err))
	}
	return req
}

// refusal is the answer to a request that the broker has not seen: the parts of it that can have an error each.
func refusal(a asked, rest []byte) kmsg.Response {
	req := requestOf(a, rest)
	res := req.ResponseKind()
	switch req := req.(type) {
	case *kmsg.ProduceRequest:
		for _, t := range req.Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition = p.Partition
				rt.Partitions = append(rt.Partitions, rp)
			}
			res.(*kmsg.ProduceResponse).Topics = append(res.(*kmsg.ProduceResponse).Topics, rt)
		}
	case *kmsg.AddPartitionsToTxnRequest:
		for _, t := range req.Topics {
			rt := kmsg.NewAddPartitionsToTxnResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
				rp.Partition = p
				rt.Partitions = append(rt.Partitions, rp)
			}
			res.(*kmsg.AddPartitionsToTxnResponse).Topics = append(res.(*kmsg.AddPartitionsToTxnResponse).Topics, rt)
		}
	case *kmsg.OffsetCommitRequest:
		for _, t := range req.Topics {
			rt := kmsg.NewOffsetCommitResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetCommitResponseTopicPartition()
				rp.Partition = p.Partition
				rt.Partitions = append(rt.Partitions, rp)
			}
			res.(*kmsg.OffsetCommitResponse).Topics = append(res.(*kmsg.OffsetCommitResponse).Topics, rt)
		}
	}
	return res
}

// fail puts an error into a response as a broker does: on its partitions, else its topics, else the whole; and takes away
// what an error leaves no room for.
func fail(res kmsg.Response, version, code int16) {
	switch r := res.(type) {
	case *kmsg.FetchResponse:
		if code == fetchSessionIDNotFound || code == invalidFetchSessionEpoch {
			r.ErrorCode, r.Topics = code, nil
			return
		}
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				p := &r.Topics[i].Partitions[j]
				p.RecordBatches, p.HighWatermark, p.LastStableOffset, p.LogStartOffset, p.AbortedTransactions = nil, -1, -1, -1, nil
			}
		}
	case *kmsg.MetadataResponse:
		whole := code == unknownTopicOrPartition || code == invalidTopic || code == topicAuthorizationFailed
		for i := range r.Topics {
			if whole {
				r.Topics[i].ErrorCode, r.Topics[i].Partitions = code, nil
			}
			for j := range r.Topics[i].Partitions {
				r.Topics[i].Partitions[j].Leader, r.Topics[i].Partitions[j].ErrorCode = -1, code
			}
		}
		return
	case *kmsg.ListOffsetsResponse:
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				r.Topics[i].Partitions[j].Offset = -1
			}
		}
	case *kmsg.OffsetFetchResponse:
		if version >= 2 && code != topicAuthorizationFailed && code != unstableOffsetCommit {
			r.ErrorCode, r.Topics = code, nil
			return
		}
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				r.Topics[i].Partitions[j].Offset = -1
			}
		}
	case *kmsg.FindCoordinatorResponse:
		r.NodeID, r.Host, r.Port = -1, "", -1
	case *kmsg.InitProducerIDResponse:
		r.ProducerID, r.ProducerEpoch = -1, -1
	case *kmsg.JoinGroupResponse:
		r.Members, r.Generation, r.LeaderID = nil, -1, ""
	case *kmsg.SyncGroupResponse:
		r.MemberAssignment = nil
	case *kmsg.ApiVersionsResponse:
		if code != unsupportedVersion {
			r.ApiKeys = nil
		}
	}
	if !failWithin(reflect.ValueOf(res).Elem(), code) {
		panic(fmt.Sprintf("%s has nowhere to put an error", strings.TrimPrefix(fmt.Sprintf("%T", res), "*kmsg.")))
	}
}

// failWithin sets the innermost error codes, and tells whether there are any.
func failWithin(v reflect.Value, code int16) bool {
	inner := false
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct {
			for j := range f.Len() {
				inner = failWithin(f.Index(j), code) || inner
			}
		}
	}
	if own := v.FieldByName("ErrorCode"); own.IsValid() && !inner {
		own.SetInt(int64(code))
		return true
	}
	return inner
}
