package recompute

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"

	"github.com/casetrail/casetrail/schemas"
)

// Difference names the first field in which a published metric record is not what the ledgers give, with both values; empty
// where there is none. Heads, key and signature are not looked at.
func Difference(got, want *schemas.MetricRecord) string {
	a, b := *got, *want
	a.Segments, b.Segments, a.Heads, b.Heads = nil, nil, nil, nil
	a.KeyID, a.Signature, b.KeyID, b.Signature = schemas.KeyID{}, schemas.Signature{}, schemas.KeyID{}, schemas.Signature{}
	if bytes.Equal(a.AppendAvro(nil), b.AppendAvro(nil)) {
		return Segments(got.Segments, want.Segments)
	}
	if d := differ(reflect.ValueOf(a), reflect.ValueOf(b), "record"); d != "" && len(got.Segments) == len(want.Segments) {
		return cmp.Or(Segments(got.Segments, want.Segments), d)
	} else if d != "" {
		return d
	}
	return Segments(got.Segments, want.Segments)
}

// Segments names the first segment and field that differ.
func Segments(got, want []schemas.Segment) string {
	var a, b []byte
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("segment %s/%s is missing", want[i].CaseType, want[i].Handler)
		case i >= len(want):
			return fmt.Sprintf("segment %s/%s: the ledger gives no such segment", got[i].CaseType, got[i].Handler)
		}
		if a, b = got[i].AppendAvro(a[:0]), want[i].AppendAvro(b[:0]); bytes.Equal(a, b) {
			continue // nearly always, and ten times as fast as to walk them
		}
		name := fmt.Sprintf("segment %s/%s", got[i].CaseType, got[i].Handler)
		if got[i].CaseType != want[i].CaseType || got[i].Handler != want[i].Handler {
			return fmt.Sprintf("%s stands where the ledger gives %s/%s", name, want[i].CaseType, want[i].Handler)
		}
		if d := differ(reflect.ValueOf(got[i]), reflect.ValueOf(want[i]), name); d != "" {
			return d
		}
	}
	return ""
}

// differ walks two values of one type.
func differ(a, b reflect.Value, path string) string {
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if d := differ(a.Field(i), b.Field(i), path+" "+a.Type().Field(i).Name); d != "" {
				return d
			}
		}
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return fmt.Sprintf("%s: has %d values, the ledger gives %d", path, a.Len(), b.Len())
		}
		for i := range a.Len() {
			if d := differ(a.Index(i), b.Index(i), fmt.Sprintf("%s[%d]", path, i)); d != "" {
				return d
			}
		}
	default:
		if !a.Equal(b) {
			return fmt.Sprintf("%s: %v, the ledger gives %v", path, a, b)
		}
	}
	return ""
}
