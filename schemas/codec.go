package schemas

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// frameSize is the Confluent wire format's header: a zero byte and the schema's id, big-endian.
const frameSize = 5

// Subject is where a schema is registered. Its name follows the TopicRecordName strategy, so that a topic may carry
// several records.
type Subject struct{ Topic, Record string }

// String is the subject as the registry knows it.
func (s Subject) String() string { return s.Topic + "-" + s.Record }

// Codec frames messages with the schema ids that one registry gave. It is safe for concurrent use, and takes no lock for
// ids that it knows.
type Codec struct {
	ids    map[Subject]uint32
	known  map[uint32]*writer
	learnt atomic.Pointer[map[uint32]*writer]
	learn  learner
}

// NewCodec makes a codec of ids that were registered before. It panics where a subject's record is not one of
// Casetrail's, or two records have one id: both are programming errors.
func NewCodec(ids map[Subject]int) *Codec {
	c := &Codec{ids: map[Subject]uint32{}, known: map[uint32]*writer{}, learn: newLearner(nil)}
	names := map[int]string{}
	for s, id := range ids {
		_, ok := makers[s.Record]
		if other, taken := names[id]; !ok || id < 0 || taken && other != s.Record {
			panic(fmt.Sprintf("schemas: subject %s can't have id %d: unknown record, negative id, or the id of another record", s, id))
		}
		names[id] = s.Record
		c.ids[s], c.known[uint32(id)] = uint32(id), &writer{name: s.Record}
	}
	c.learnt.Store(&map[uint32]*writer{})
	return c
}

// NewOfflineCodec numbers the records of subjects 1, 2, ... in the order in which they come, for use without a registry.
func NewOfflineCodec(subjects ...Subject) *Codec {
	byRecord, ids := map[string]int{}, map[Subject]int{}
	for _, s := range subjects {
		if byRecord[s.Record] == 0 {
			byRecord[s.Record] = len(byRecord) + 1
		}
		ids[s] = byRecord[s.Record]
	}
	return NewCodec(ids)
}

// Append appends m in the wire format, for topic. It panics where the program did not register that subject.
func (c *Codec) Append(dst []byte, topic string, m Message) []byte {
	s := Subject{topic, m.AvroName()}
	id, ok := c.ids[s]
	if !ok {
		panic("schemas: subject " + s.String() + " was not registered at start; add the record to the topic in pipelines.Topology")
	}
	dst = append(dst, 0)
	return m.AppendAvro(binary.BigEndian.AppendUint32(dst, id))
}

// ID is the schema id that value names.
func ID(value []byte) (int, error) {
	if len(value) < frameSize || value[0] != 0 {
		return 0, fmt.Errorf("%w: %d bytes that begin %x; it begins with byte 0 and a schema id of 4 bytes: "+
			"produce with a Confluent-compatible Avro serializer", ErrFrame, len(value), value[:min(len(value), frameSize)])
	}
	return int(binary.BigEndian.Uint32(value[1:])), nil
}

// Name says which record value holds, by its schema id alone, and returns its body. Errors: [ErrFrame],
// [ErrUnknownSchema]. A record that somebody else registered need not be one of Casetrail's.
func (c *Codec) Name(value []byte) (record string, body []byte, err error) {
	w, body, err := c.open(value)
	if err != nil {
		return "", nil, err
	}
	return w.name, body, nil
}

// Decode reads value into a new message. Errors: [ErrFrame], [ErrUnknownSchema], [ErrWrongType], [ErrAvro].
func (c *Codec) Decode(value []byte) (Message, error) {
	w, body, err := c.open(value)
	if err != nil {
		return nil, err
	}
	m, ok := New(w.name)
	if !ok {
		return nil, fmt.Errorf("%w: %s is not a record of Casetrail", ErrWrongType, w.name)
	}
	if err := w.decode(body, m); err != nil {
		return nil, err
	}
	return m, nil
}

// DecodeInto reads value into m. Errors: those of [Codec.Decode].
func (c *Codec) DecodeInto(value []byte, m Message) error {
	w, body, err := c.open(value)
	if err != nil {
		return err
	}
	if w.name != m.AvroName() {
		return fmt.Errorf("%w: %s where %s was expected", ErrWrongType, w.name, m.AvroName())
	}
	return w.decode(body, m)
}

func (c *Codec) open(value []byte) (w *writer, body []byte, err error) {
	id, err := ID(value)
	if err != nil {
		return nil, nil, err
	}
	if w = c.known[uint32(id)]; w == nil {
		if w = (*c.learnt.Load())[uint32(id)]; w == nil {
			return nil, nil, fmt.Errorf("%w %d: the registry has none that can be read; was the message produced against another registry?", ErrUnknownSchema, id)
		}
	}
	return w, value[frameSize:], nil
}

// Learn asks the registry for a schema id that is not known, so that its messages can be read from then on; at once where
// it is known. It keeps the last 1,000 schemas, and for 30 s that there is none. Errors: [ErrUnknownSchema] where no
// schema that can be read has this id; [ErrRegistry] where the registry could not be asked.
func (c *Codec) Learn(ctx context.Context, id int) error {
	if c.known[uint32(id)] != nil || (*c.learnt.Load())[uint32(id)] != nil {
		return nil
	}
	return c.learn.ask(ctx, uint32(id), &c.learnt)
}

// Await is Learn for a program that reads other versions' messages as they come: it makes the schema known that value names,
// and asks as long as the registry is away. Of a value that names none, or one that nobody can read, it says nothing: whoever
// decodes it finds out. The error is that ctx has ended.
func (c *Codec) Await(ctx context.Context, value []byte) error {
	id, err := ID(value)
	for err == nil {
		if err = c.Learn(ctx, id); !errors.Is(err, ErrRegistry) {
			return nil
		}
		timer := time.NewTimer(askAgain)
		select {
		case <-timer.C:
			err = nil
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
	return nil
}

// askAgain is after what time a registry that is away is asked again.
const askAgain = time.Second
