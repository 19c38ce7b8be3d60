package schemas

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/linkedin/goavro/v2"
)

// What a foreign schema and a body written with it may cost. goavro's own limits are off by default, and it makes an
// entry for each field of each record: so the size of the body bounds the memory.
const (
	maxSchemaText  = 256 << 10
	maxForeignBody = 256 << 10
)

func init() {
	goavro.MaxBlockCount = maxElements
	goavro.MaxBlockSize = 1 << 20
}

// writer is the schema that a value was written with.
type writer struct {
	name  string
	codec *goavro.Codec // nil where the binary layout is the compiled-in one
}

// layouts are the canonical forms of the compiled-in schemas.
var layouts = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	for name, maker := range makers {
		c, err := canonical(maker().SchemaJSON())
		if err != nil {
			panic(err) // the generator refuses what canonical does
		}
		out[name] = c.text
	}
	return out
})

// newWriter makes a writer of somebody else's schema.
func newWriter(text string) (*writer, error) {
	c, err := canonical(text)
	if err != nil {
		return nil, err
	}
	if layouts()[c.name] == c.text {
		return &writer{name: c.name}, nil
	}
	codec, err := goavro.NewCodec(c.text)
	if err != nil {
		return nil, fmt.Errorf("not a valid Avro schema: %w", err)
	}
	return &writer{name: c.name, codec: codec}, nil
}

// decode reads a body into m, which is of the same name.
func (w *writer) decode(body []byte, m Message) error {
	if w.codec == nil {
		return m.DecodeAvro(body)
	}
	if len(body) > maxForeignBody {
		return fmt.Errorf("%w: %s: %d bytes under another version of the schema; at most %d", ErrAvro, w.name, len(body), maxForeignBody)
	}
	v, rest, err := w.codec.NativeFromBinary(body)
	if err != nil {
		return fmt.Errorf("%w: %s, under its writer's schema: %w", ErrAvro, w.name, err)
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: %s, under its writer's schema: %d bytes too many", ErrAvro, w.name, len(rest))
	}
	err = nil
	m.fromNative(native{v: v, path: w.name, err: &err})
	return err
}

// form is a schema without what does not change the binary layout: docs, defaults, aliases, logical types.
type form struct {
	name string // of the record on top
	text string
}

// canonical vets a schema and strips it. It refuses what could make a small body large: recursion, and types whose values
// take no bytes.
func canonical(text string) (form, error) {
	if len(text) > maxSchemaText {
		return form{}, fmt.Errorf("a schema of %d bytes; at most %d", len(text), maxSchemaText)
	}
	var raw any
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return form{}, fmt.Errorf("a schema that is not JSON: %w", err)
	}
	s := stripper{open: map[string]bool{}}
	stripped, err := s.strip(raw, "", 0)
	if err != nil {
		return form{}, err
	}
	top, ok := stripped.(*strippedType)
	if !ok || top.Type != "record" {
		return form{}, fmt.Errorf("a schema of %.40s; only records can be read", text)
	}
	out, err := json.Marshal(top)
	return form{name: top.Name, text: string(out)}, err
}
