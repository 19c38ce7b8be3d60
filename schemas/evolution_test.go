package schemas

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linkedin/goavro/v2"
)

// learning is a codec that learns one foreign schema under id 7.
func learning(t *testing.T, schema string) *Codec {
	t.Helper()
	c := NewOfflineCodec(Subject{"t", "casetrail.Tick"})
	c.learn = newLearner(func(context.Context, uint32) (string, error) { return schema, nil })
	return c
}

// written is a value under id 7, written with another version of a schema.
func written(t *testing.T, schema string, fields map[string]any) []byte {
	t.Helper()
	codec, err := goavro.NewCodec(schema)
	if err != nil {
		t.Fatal(err)
	}
	value, err := codec.BinaryFromNative([]byte{0, 0, 0, 0, 7}, fields)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

const sender = `{"type":"enum","name":"Sender","symbols":["customer","bot","ai"]}`

func chatSchema(fields ...string) string {
	return `{"type":"record","name":"ChatEvent","namespace":"casetrail","fields":[` + strings.Join(fields, ",") + `]}`
}

var oldFields = []string{
	`{"name":"case_id","type":"bytes"}`,
	`{"name":"event_id","type":["null","string"]}`,
	`{"name":"kind","type":{"type":"enum","name":"EventKind","symbols":["closed","message"]}}`,
	`{"name":"sender","type":` + sender + `}`,
	`{"name":"occurred_at","type":"int"}`,
	`{"name":"text","type":"string"}`,
	`{"name":"rating","type":["int","null"]}`,
	`{"name":"channel","type":{"type":"map","values":"double"}}`,
}

func oldEvent() map[string]any {
	return map[string]any{
		"case_id": []byte("c"), "event_id": goavro.Union("string", "e"), "kind": "message", "sender": "ai", "occurred_at": 5,
		"text": "hi", "rating": goavro.Union("int", 3), "channel": map[string]any{"x": 1.5},
	}
}

func TestOtherVersionOfASchema(t *testing.T) {
	schema := chatSchema(oldFields...)
	c, value := learning(t, schema), written(t, schema, oldEvent())
	if _, err := c.Decode(value); !errors.Is(err, ErrUnknownSchema) {
		t.Fatal(err)
	}
	if err := c.Learn(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	m, err := c.Decode(value)
	if err != nil {
		t.Fatal(err)
	}
	want := ChatEvent{EventID: "e", CaseID: "c", Kind: EventKindMessage, Sender: SenderAI, OccurredAt: 5, Text: Some("hi"), Rating: Some[int32](3)}
	if *m.(*ChatEvent) != want {
		t.Errorf("%+v", m)
	}
	into := ChatEvent{CustomerID: Some("left over")}
	if err := c.DecodeInto(value, &into); err != nil || into != want {
		t.Errorf("%+v, %v", into, err)
	}
	if name, _, err := c.Name(value); name != "casetrail.ChatEvent" || err != nil {
		t.Error(name, err)
	}
	if err := c.DecodeInto(append(value, 0), &into); !errors.Is(err, ErrAvro) || !strings.Contains(err.Error(), "too many") {
		t.Error(err)
	}
	if err := c.DecodeInto(value[:9], &into); !errors.Is(err, ErrAvro) {
		t.Error(err)
	}
	if err := c.DecodeInto(append(value[:5:5], make([]byte, maxForeignBody+1)...), &into); !errors.Is(err, ErrAvro) || !strings.Contains(err.Error(), "at most") {
		t.Error(err)
	}
}

func TestOtherVersionThatDoesNotFit(t *testing.T) {
	for _, x := range []struct {
		field, with string // a field of the old schema, and what is in its place
		set         any
		want        string
	}{
		{"sender", "", nil, "casetrail.ChatEvent.sender: the writer's schema has no such field"},
		{"sender", sender, "bot", `casetrail.ChatEvent.sender: the writer's symbol "bot"`},
		{"occurred_at", `"double"`, 1.5, "casetrail.ChatEvent.occurred_at: the writer's schema has float64"},
		{"text", `"int"`, 1, "casetrail.ChatEvent.text: the writer's schema has int32"},
		{"text", `"bytes"`, []byte{0xff}, "casetrail.ChatEvent.text: invalid UTF-8"},
		{"rating", `"long"`, 1 << 40, "casetrail.ChatEvent.rating: the writer's schema has int64"},
	} {
		var fields []string
		event := oldEvent()
		for _, f := range oldFields {
			if !strings.HasPrefix(f, `{"name":"`+x.field+`"`) {
				fields = append(fields, f)
			} else if x.with != "" {
				fields = append(fields, fmt.Sprintf(`{"name":%q,"type":%s}`, x.field, x.with))
				event[x.field] = x.set
			}
		}
		c := learning(t, chatSchema(fields...))
		if err := c.Learn(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
		_, err := c.Decode(written(t, chatSchema(fields...), event))
		if !errors.Is(err, ErrAvro) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s as %s: %v, want %s", x.field, x.with, err, x.want)
		}
	}
}

func TestForeignSchemasThatAreRefused(t *testing.T) {
	wrap := func(typ string) string { return chatSchema(`{"name":"a","type":` + typ + `}`) }
	for text, want := range map[string]string{
		`"string"`:                              "only records",
		`{`:                                     "not JSON",
		wrap(`"null"`):                          "take no bytes",
		wrap(`{"type":"array","items":"null"}`): "take no bytes",
		wrap(`{"type":"record","name":"E","fields":[]}`): "take no bytes",
		wrap(`{"type":"fixed","name":"F","size":0}`):     "fixed",
		wrap(`["null","ChatEvent"]`):                     "recursive",
		wrap(`"acme.Other"`):                             "before it defines it",
		wrap(strings.Repeat(`{"type":"array","items":`, 40) + `"int"` + strings.Repeat("}", 40)): "nested deeper",
		wrap(`{"type":"enum","name":"E","symbols":[]}`):                                          "not a valid Avro schema",
		strings.Repeat(" ", maxSchemaText) + `"int"`:                                             "at most",
	} {
		c := learning(t, text)
		if err := c.Learn(t.Context(), 7); !errors.Is(err, ErrUnknownSchema) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100s: %v, want %s", text, err, want)
		}
	}
}

func TestRecordOfSomebodyElse(t *testing.T) {
	schema := `{"type":"record","name":"acme.Order","fields":[{"name":"a","type":"int"}]}`
	c := learning(t, schema)
	if err := c.Learn(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	value := written(t, schema, map[string]any{"a": 1})
	if name, _, err := c.Name(value); name != "acme.Order" || err != nil {
		t.Error(name, err)
	}
	if _, err := c.Decode(value); !errors.Is(err, ErrWrongType) {
		t.Error(err)
	}
	if err := c.DecodeInto(value, new(ChatEvent)); !errors.Is(err, ErrWrongType) {
		t.Error(err)
	}
}

// A schema that differs in docs and defaults only has our own binary layout, and needs no detour.
func TestSameLayoutIsReadDirectly(t *testing.T) {
	c := learning(t, `{"doc":"x","name":"casetrail.Tick","type":"record","fields":[{"name":"time","type":{"type":"long"}},`+
		`{"name":"source","type":"int","default":4},{"name":"sources","type":"int","doc":"?"}]}`)
	if err := c.Learn(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	if w := (*c.learnt.Load())[7]; w.codec != nil {
		t.Error("goavro reads it")
	}
}

func TestLearnAsksAsLittleAsItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		answer := error(nil)
		schema := `{"type":"record","name":"casetrail.Tick","fields":[{"name":"time","type":"int"}]}`
		c := NewOfflineCodec()
		c.learn = newLearner(func(ctx context.Context, id uint32) (string, error) {
			asked++
			time.Sleep(time.Second)
			return schema, answer
		})
		for range 5 {
			go func() { _ = c.Learn(t.Context(), 1) }()
		}
		synctest.Wait()
		time.Sleep(10 * time.Second)
		if err := c.Learn(t.Context(), 1); err != nil || asked != 1 {
			t.Errorf("asked %d times for one schema: %v", asked, err)
		}

		answer = fmt.Errorf("%w 2: gone", ErrUnknownSchema)
		for range 3 {
			if err := c.Learn(t.Context(), 2); !errors.Is(err, ErrUnknownSchema) {
				t.Error(err)
			}
		}
		if asked != 2 {
			t.Errorf("asked %d times within 30 s for a schema that is not there", asked-1)
		}
		answer = nil
		time.Sleep(noSchemaFor)
		if err := c.Learn(t.Context(), 2); err != nil {
			t.Error(err)
		}

		answer = errors.New("connection refused")
		for range 2 {
			if err := c.Learn(t.Context(), 3); !errors.Is(err, ErrRegistry) || errors.Is(err, ErrUnknownSchema) {
				t.Error(err)
			}
		}
		if asked != 5 {
			t.Errorf("asked %d times; a registry that is down must be asked again", asked)
		}

		answer = nil
		for id := range 2 * maxLearnt {
			if err := c.Learn(t.Context(), 10+id); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(*c.learnt.Load()); n != maxLearnt {
			t.Errorf("%d schemas are kept", n)
		}
		if w := (*c.learnt.Load())[uint32(9+2*maxLearnt)]; w == nil {
			t.Error("the last one is not among them")
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		go func() { _ = c.Learn(t.Context(), 90000) }()
		synctest.Wait()
		if err := c.Learn(ctx, 90001); !errors.Is(err, ErrRegistry) || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(time.Minute) // of the bubble's time: the goroutine above ends
	})
}
