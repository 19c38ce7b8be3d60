package schemas

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// draw fills a message, or a part of one, with anything that its schema allows.
func draw(t *rapid.T, v reflect.Value, label string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.String().Draw(t, label))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, label))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, label))
	case reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, label))
	case reflect.Int32:
		if _, enum := v.Interface().(fmt.Stringer); enum {
			v.SetInt(int64(rapid.IntRange(0, symbolsOf(v)-1).Draw(t, label)))
		} else {
			v.SetInt(int64(rapid.Int32().Draw(t, label)))
		}
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(rapid.Byte().Draw(t, label)))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(rapid.SliceOf(rapid.Byte()).Draw(t, label))
			return
		}
		n := rapid.IntRange(0, 4).Draw(t, label)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			draw(t, v.Index(i), label)
		}
	case reflect.Struct:
		if set := v.FieldByName("Set"); strings.HasPrefix(v.Type().Name(), "Optional[") {
			if set.SetBool(rapid.Bool().Draw(t, label+".set")); set.Bool() {
				draw(t, v.FieldByName("Value"), label)
			}
			return
		}
		for i := range v.NumField() {
			draw(t, v.Field(i), v.Type().Field(i).Name)
		}
	default:
		t.Fatalf("no values for %s", v.Type())
	}
}

func symbolsOf(enum reflect.Value) int {
	x := reflect.New(enum.Type()).Elem()
	for n := 0; ; n++ {
		x.SetInt(int64(n))
		if strings.HasSuffix(x.Interface().(fmt.Stringer).String(), ")") {
			return n
		}
	}
}

// each runs a property for every message.
func each(t *testing.T, property func(t *rapid.T, name string, m Message)) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m, _ := New(name)
				draw(t, reflect.ValueOf(m).Elem(), name)
				property(t, name, m)
			})
		})
	}
}
