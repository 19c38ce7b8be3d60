package schemas

import (
	"bytes"
	"reflect"
	"sync"
	"testing"

	"github.com/linkedin/goavro/v2"
	"pgregory.net/rapid"
)

// goavros are goavro's codecs of our schemas.
var goavros = sync.OnceValue(func() map[string]*goavro.Codec {
	out := map[string]*goavro.Codec{}
	for _, name := range Names() {
		m, _ := New(name)
		c, err := goavro.NewCodec(m.SchemaJSON())
		if err != nil {
			panic(err)
		}
		out[name] = c
	}
	return out
})

func TestBytesAreThoseOfGoavro(t *testing.T) {
	each(t, func(t *rapid.T, name string, m Message) {
		ours := m.AppendAvro(nil)
		native, rest, err := goavros()[name].NativeFromBinary(ours)
		if err != nil || len(rest) > 0 {
			t.Fatalf("goavro can't read %x: %v, %d left", ours, err, len(rest))
		}
		theirs, err := goavros()[name].BinaryFromNative(nil, native)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ours, theirs) {
			t.Fatalf("%x\n%x by goavro", ours, theirs)
		}
		back, _ := New(name)
		if err := back.DecodeAvro(theirs); err != nil {
			t.Fatal(err)
		}
		if again := back.AppendAvro(nil); !bytes.Equal(ours, again) {
			t.Fatalf("%x\n%x after decoding", ours, again)
		}
	})
}

// What goavro read by name must be what we read by position.
func TestFieldsAreThoseOfGoavro(t *testing.T) {
	codecs := map[string]*goavro.Codec{}
	for _, name := range Names() {
		m, _ := New(name)
		c, err := canonical(m.SchemaJSON())
		if err != nil {
			t.Fatal(err)
		}
		if codecs[name], err = goavro.NewCodec(c.text); err != nil {
			t.Fatal(err)
		}
	}
	each(t, func(t *rapid.T, name string, m Message) {
		w := &writer{name: name, codec: codecs[name]}
		ours := m.AppendAvro(nil)
		back, _ := New(name)
		if err := w.decode(ours, back); err != nil {
			t.Fatal(err)
		}
		if again := back.AppendAvro(nil); !bytes.Equal(ours, again) {
			t.Fatalf("%x\n%x by way of goavro", ours, again)
		}
	})
}

func TestDecodingIntoAUsedMessageLeavesNothing(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				used, _ := New(name)
				next, _ := New(name)
				draw(t, reflect.ValueOf(used).Elem(), "used")
				draw(t, reflect.ValueOf(next).Elem(), "next")
				body := next.AppendAvro(nil)
				if err := used.DecodeAvro(body); err != nil {
					t.Fatal(err)
				}
				if again := used.AppendAvro(nil); !bytes.Equal(body, again) {
					t.Fatalf("%x\n%x decoded into a used message", body, again)
				}
			})
		})
	}
}

func TestDecodeKeepsNothingOfTheBody(t *testing.T) {
	each(t, func(t *rapid.T, name string, m Message) {
		body := m.AppendAvro(nil)
		want := bytes.Clone(body)
		back, _ := New(name)
		if err := back.DecodeAvro(body); err != nil {
			t.Fatal(err)
		}
		clear(body)
		if got := back.AppendAvro(nil); !bytes.Equal(got, want) {
			t.Fatal("the message changed with the body")
		}
	})
}
