package schemas

import (
	"errors"
	"slices"
	"strconv"
)

// The errors that callers tell apart; what they wrap says what, where, and how to mend it.
var (
	// ErrFrame: the value is not in the Confluent wire format. The message is lost to us, whatever is registered.
	ErrFrame = errors.New("not in the Confluent wire format")
	// ErrUnknownSchema: no usable schema has this id. [Codec.Learn] may find it, unless it was Learn that said so.
	ErrUnknownSchema = errors.New("unknown schema id")
	// ErrAvro: the body does not fit its schema.
	ErrAvro = errors.New("bad avro body")
	// ErrWrongType: a message, but not the one that was asked for, or not one of Casetrail's.
	ErrWrongType = errors.New("another record type")
	// ErrRegistry: the registry could not be asked. Trying again may help.
	ErrRegistry = errors.New("schema registry")
)

// Message is a record of one of the schemas. Messages are not safe for concurrent use.
type Message interface {
	// AvroName is the record's full name, such as casetrail.ChatEvent.
	AvroName() string
	// AppendAvro appends the binary encoding to dst; equal messages give equal bytes. What it appends, DecodeAvro reads:
	// invalid UTF-8 is replaced, and an enumeration value without a symbol or an array of more than 4,096 elements, which
	// only a programming error can make, panics.
	AppendAvro(dst []byte) []byte
	// DecodeAvro reads a whole body and overwrites every field; errors wrap [ErrAvro] and name the field, and leave the
	// fields undefined. It keeps nothing of body. All strings of a message share one piece of memory: clone what outlives
	// it. Slices that the message already had are used again.
	DecodeAvro(body []byte) error
	// SchemaJSON is the record's schema, self-contained, as it is registered.
	SchemaJSON() string

	fromNative(n native)
}

// New makes an empty message by its full name.
func New(name string) (Message, bool) {
	if f, ok := makers[name]; ok {
		return f(), true
	}
	return nil, false
}

// Names are the full names of all messages, sorted.
func Names() []string {
	out := make([]string, 0, len(makers))
	for name := range makers {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Optional is a value that may be absent. Its zero value is absent.
type Optional[T any] struct {
	Value T
	Set   bool
}

// Some is a value that is there.
func Some[T any](v T) Optional[T] { return Optional[T]{Value: v, Set: true} }

func symbol(symbols []string, i int32, name string) string {
	if i < 0 || int(i) >= len(symbols) {
		return name + "(" + strconv.Itoa(int(i)) + ")"
	}
	return symbols[i]
}

func parseSymbol(symbols []string, s string) (int32, bool) {
	i := slices.Index(symbols, s)
	return int32(max(i, 0)), i >= 0
}
