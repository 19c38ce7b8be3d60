// Package upgrade plays histories while Casetrail is being upgraded: every message is written as the release before, this one
// or the next one would, in turn, into the same topics, and read by this one.
package upgrade

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"

	"github.com/linkedin/goavro/v2"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// signed is the record whose bytes are signed: other releases differ in its schema, never in how it is written.
const signed = "casetrail.SignedRecord"

// metric is signed too: its bytes are written and read as they are.
const metric = "casetrail.MetricRecord"

// version is another release's idea of a record.
type version struct {
	id    uint32
	codec *goavro.Codec
	field string // the release before: what it does not know; the next one: what this one does not
}

// versions are the releases around this one.
type versions struct {
	codec  *schemas.Codec
	now    map[string]*goavro.Codec
	before map[schemas.Subject]version
	next   map[schemas.Subject]version
}

// register registers the schemas of the release before, of this one and of the next one at a registry, in that order.
func register(ctx context.Context, url string) (*versions, error) {
	v := &versions{now: map[string]*goavro.Codec{}, before: map[schemas.Subject]version{}, next: map[schemas.Subject]version{}}
	subjects := pipelines.Subjects("")
	for _, s := range subjects {
		if err := v.add(ctx, url, s, v.before, before); err != nil {
			return nil, err
		}
	}
	var err error
	if v.codec, err = schemas.Register(ctx, url, subjects); err != nil {
		return nil, err
	}
	for _, s := range subjects {
		if err := v.add(ctx, url, s, v.next, next); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (v *versions) add(ctx context.Context, url string, s schemas.Subject, to map[schemas.Subject]version, change func(map[string]any) string) error {
	m, ok := schemas.New(s.Record)
	if !ok {
		return fmt.Errorf("no record %s", s.Record)
	}
	var schema map[string]any
	if err := json.Unmarshal([]byte(m.SchemaJSON()), &schema); err != nil {
		return err
	}
	var err error
	if v.now[s.Record], err = goavro.NewCodec(m.SchemaJSON()); err != nil {
		return err
	}
	field := change(schema)
	if field == "" {
		return nil // the release before had it as it is
	}
	text, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	x := version{field: field}
	if x.id, err = post(ctx, url, s.String(), string(text)); err != nil {
		return err
	}
	x.codec, err = goavro.NewCodec(string(text))
	to[s] = x
	return err
}

// before takes out the last field that has a default; of the signed record, a symbol of an enumeration, at the end.
func before(schema map[string]any) string {
	fields := schema["fields"].([]any)
	if schema["name"] == "MetricRecord" || schema["name"] == metric {
		return ""
	}
	if schema["namespace"] == "casetrail" && schema["name"] == "SignedRecord" || schema["name"] == signed {
		return lastSymbol(schema)
	}
	for i := len(fields) - 1; i >= 0; i-- {
		if f := fields[i].(map[string]any); f["default"] != nil || hasNull(f) {
			schema["fields"] = append(fields[:i:i], fields[i+1:]...)
			return f["name"].(string)
		}
	}
	return ""
}

func hasNull(field map[string]any) bool {
	_, ok := field["default"]
	return ok
}

// lastSymbol takes the last symbol off the enumeration of signals.
func lastSymbol(x any) string {
	switch x := x.(type) {
	case map[string]any:
		if x["name"] == "Signal" || x["name"] == "casetrail.Signal" {
			symbols := x["symbols"].([]any)
			x["symbols"] = symbols[:len(symbols)-1]
			return symbols[len(symbols)-1].(string)
		}
		for _, y := range x {
			if s := lastSymbol(y); s != "" {
				return s
			}
		}
	case []any:
		for _, y := range x {
			if s := lastSymbol(y); s != "" {
				return s
			}
		}
	}
	return ""
}

// next adds a field; to the signed record none, since a payload is what its signature says.
func next(schema map[string]any) string {
	if slices.Contains([]any{"SignedRecord", signed, "MetricRecord", metric}, schema["name"]) {
		return ""
	}
	const field = "of_the_next_release"
	schema["fields"] = append(schema["fields"].([]any), map[string]any{"name": field, "type": []any{"null", "string"}, "default": nil})
	return field
}

// as writes a record as some release would.
func (v *versions) as(r *rand.Rand, in stage.Record) (stage.Record, error) {
	name, body, err := v.codec.Name(in.Value)
	if err != nil || in.Value == nil {
		return in, nil // garbage and tombstones stay as they are
	}
	s := schemas.Subject{Topic: in.Topic, Record: name}
	var x version
	var ok bool
	switch r.IntN(3) {
	case 0:
		x, ok = v.before[s]
	case 1:
		x, ok = v.next[s]
	}
	if !ok {
		return in, nil
	}
	frame := binary.BigEndian.AppendUint32([]byte{0}, x.id)
	if name == signed {
		in.Value = append(frame, body...)
		return in, nil
	}
	native, _, err := v.now[name].NativeFromBinary(body)
	if err != nil {
		return in, err
	}
	fields := native.(map[string]any)
	if was, there := fields[x.field]; there {
		if was != nil && !reflect.ValueOf(was).IsZero() && !empty(was) {
			return in, nil // the release before could not have said this
		}
		delete(fields, x.field)
	} else {
		fields[x.field] = goavro.Union("string", "new")
	}
	in.Value, err = x.codec.BinaryFromNative(frame, fields)
	return in, err
}

func empty(v any) bool {
	k := reflect.ValueOf(v)
	return k.Kind() == reflect.Slice && k.Len() == 0
}

// mixed is a stage whose replicas are of all three releases.
func (v *versions) mixed(r *rand.Rand, def stage.Definition) stage.Definition {
	made := def.New
	def.Learn = func(value []byte) error { return v.codec.Await(context.Background(), value) }
	def.New = func(partition int32) (stage.Handler, error) {
		h, err := made(partition)
		m := mixed{h, v, r}
		if c, ok := h.(stage.Checkpointer); ok {
			return mixedState{m, c}, err
		}
		return m, err
	}
	return def
}

type mixed struct {
	stage.Handler
	v *versions
	r *rand.Rand
}

func (m mixed) Handle(in stage.Record) ([]stage.Record, error) {
	out, err := m.Handler.Handle(in)
	return m.all(out), err
}

func (m mixed) all(recs []stage.Record) []stage.Record {
	for i := range recs {
		var err error
		if recs[i], err = m.v.as(m.r, recs[i]); err != nil {
			panic(err) // a schema of this package's making is wrong
		}
	}
	return recs
}

type mixedState struct {
	mixed
	c stage.Checkpointer
}

func (m mixedState) Checkpoint() []stage.Record { return m.all(m.c.Checkpoint()) }

func post(ctx context.Context, url, subject, schema string) (uint32, error) {
	body, err := json.Marshal(map[string]string{"schema": schema, "schemaType": "AVRO"})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/subjects/"+subject+"/versions", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	var x struct{ ID uint32 }
	if err := json.Unmarshal(said, &x); err != nil || x.ID == 0 {
		return 0, fmt.Errorf("register %s: %s: %s", subject, resp.Status, said)
	}
	return x.ID, nil
}
