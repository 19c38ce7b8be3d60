package verify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
)

// rowBinary is what ClickHouse answers for bodies with the sequences 7, 8 and so on.
func rowBinary(bodies ...[]byte) []byte {
	out := []byte(bodyColumns)
	for i, b := range bodies {
		out = binary.LittleEndian.AppendUint64(out, uint64(7+i))
		out = append(binary.AppendUvarint(out, uint64(len(b))), b...)
	}
	return out
}

func TestBodies(t *testing.T) {
	large := bytes.Repeat([]byte("x"), bodyBuffer+1)
	stream := rowBinary([]byte("one"), nil, large, []byte("four"))
	for cut := range len(stream) + 1 {
		if cut > 100 && cut < len(stream)-100 {
			continue
		}
		var got [][]byte
		err := readBodies(bytes.NewReader(stream[:cut]), func(sequence int64, body []byte) error {
			if want := int64(7 + len(got)); sequence != want {
				t.Fatalf("sequence %d, want %d", sequence, want)
			}
			got = append(got, bytes.Clone(body))
			return nil
		})
		if again := rowBinary(got...); !bytes.HasPrefix(stream, again) && cut >= len(bodyColumns) {
			t.Fatalf("cut at %d: other bodies came out", cut)
		} else if whole := len(again) == cut; whole != (err == nil) {
			t.Fatalf("cut at %d, after %d whole rows: error %v", cut, len(got), err)
		}
	}
	count := 0
	if err := readBodies(bytes.NewReader(stream), func(int64, []byte) error { count++; return io.ErrClosedPipe }); !errors.Is(err, io.ErrClosedPipe) || count != 1 {
		t.Errorf("an error of fn's after %d rows: %v", count, err)
	}
}

func TestBodiesRefused(t *testing.T) {
	for name, c := range map[string]struct{ stream, says string }{
		"nothing":       {"", "columns"},
		"other columns": {strings.Replace(bodyColumns, "Int64", "Int32", 1), "columns"},
		"too large":     {bodyColumns + "sequence" + string(binary.AppendUvarint(nil, maxRowBody+1)), "16777217 bytes"},
		"no number":     {bodyColumns + "sequence" + strings.Repeat("\xff", 11), "overflow"},
	} {
		err := readBodies(strings.NewReader(c.stream), func(int64, []byte) error { t.Errorf("%s: a row came", name); return nil })
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.says)
		}
	}
}

// FuzzBodies: what is read says itself again, byte for byte, and nothing makes it panic.
func FuzzBodies(f *testing.F) {
	f.Add(rowBinary([]byte("one"), nil, []byte("three")))
	f.Add(rowBinary([]byte("one"))[:len(bodyColumns)+10])
	f.Fuzz(func(t *testing.T, stream []byte) {
		rows := 0
		err := readBodies(bytes.NewReader(stream), func(_ int64, body []byte) error {
			if rows += 9 + len(body); rows > len(stream)-len(bodyColumns) {
				t.Fatal("more came than there was")
			}
			return nil
		})
		if err == nil && !bytes.HasPrefix(stream, []byte(bodyColumns)) {
			t.Error("other columns were taken")
		}
	})
}
