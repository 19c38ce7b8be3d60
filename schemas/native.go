package schemas

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// native is a value as goavro gives it, on its way from another version of a schema into a message. It follows Avro's
// schema resolution: fields by name, defaults for what the writer did not know, numbers promoted, unions unwrapped.
type native struct {
	v    any
	path string
	err  *error // the first error; shared by all values of a message
}

type requiredField struct{}

// required marks a field without a default.
var required requiredField

func (n native) fail(format string, args ...any) {
	if *n.err == nil {
		*n.err = fmt.Errorf("%w: %s: %s", ErrAvro, n.path, fmt.Sprintf(format, args...))
	}
}

func (n native) want(what string) { n.fail("the writer's schema has %T where ours has %s", n.v, what) }

// unwrap takes a value out of the writer's union. Field names have no dots, so a record is never taken for a union.
func (n native) unwrap(record bool) native {
	m, ok := n.v.(map[string]any)
	if !ok || len(m) != 1 {
		return n
	}
	for branch, v := range m {
		if _, inner := v.(map[string]any); !record || inner && (strings.Contains(branch, ".") || branch[0] < 'a') {
			n.v = v
		}
	}
	return n
}

// field is the value of a record's field, or its default.
func (n native) field(name string, fallback any) native {
	n = n.unwrap(true)
	path := n.path + "." + name
	m, ok := n.v.(map[string]any)
	if !ok {
		n.want("a record")
		return native{path: path, err: n.err}
	}
	v, ok := m[name]
	if !ok {
		v = fallback
	}
	n = native{v: v, path: path, err: n.err}
	if v == required {
		n.fail("the writer's schema has no such field, and ours has no default for it")
	}
	return n
}

func (n native) string() string {
	switch v := n.unwrap(false).v.(type) {
	case string:
		if !utf8.ValidString(v) {
			n.fail("invalid UTF-8")
		}
		return v
	case []byte:
		if !utf8.Valid(v) {
			n.fail("invalid UTF-8")
		}
		return string(v)
	}
	n.want("a string")
	return ""
}

func (n native) bytes() []byte {
	switch v := n.unwrap(false).v.(type) {
	case []byte:
		return bytes.Clone(v) // goavro's may share the body
	case string:
		return []byte(v)
	}
	n.want("bytes")
	return nil
}

func (n native) copyTo(dst []byte) {
	v, ok := n.unwrap(false).v.([]byte)
	if !ok || len(v) != len(dst) {
		n.want(fmt.Sprintf("%d bytes", len(dst)))
		return
	}
	copy(dst, v)
}

func (n native) boolean() bool {
	v, ok := n.unwrap(false).v.(bool)
	if !ok {
		n.want("a boolean")
	}
	return v
}

func (n native) long() int64 {
	switch v := n.unwrap(false).v.(type) {
	case int32:
		return int64(v)
	case int64:
		return v
	case float64: // a default; the writer's doubles never become integers
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v)
		}
	}
	n.want("a whole number")
	return 0
}

func (n native) int() int32 {
	v := n.long()
	if v != int64(int32(v)) {
		n.want("a 32-bit number")
	}
	return int32(v)
}

func (n native) double() float64 {
	switch v := n.unwrap(false).v.(type) {
	case int32:
		return float64(v)
	case int64:
		return float64(v)
	case float32:
		return float64(v)
	case float64:
		return v
	}
	n.want("a number")
	return 0
}

func (n native) float() float32 { return float32(n.double()) }

func nativeEnum[E any](n native, parse func(string) (E, bool)) E {
	s, _ := n.unwrap(false).v.(string)
	e, ok := parse(s)
	if !ok {
		n.fail("the writer's symbol %q is not one of ours; a newer version of Casetrail may know it", s)
	}
	return e
}

func nativeOptional[T any](n native, convert func(native) T) Optional[T] {
	if n.v == nil {
		return Optional[T]{}
	}
	return Some(convert(n))
}

func nativeArray[T any](n native, convert func(native) T) []T {
	vs, ok := n.unwrap(false).v.([]any)
	if !ok || len(vs) > maxElements {
		n.want(fmt.Sprintf("an array of at most %d elements", maxElements))
		return nil
	}
	out := make([]T, 0, len(vs))
	for i, v := range vs {
		out = append(out, convert(native{v: v, path: fmt.Sprintf("%s[%d]", n.path, i), err: n.err}))
	}
	return out
}
