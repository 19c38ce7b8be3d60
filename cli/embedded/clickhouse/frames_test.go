package clickhouse

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/ClickHouse/ch-go/compress"
)

func frameOf(t testing.TB, method compress.Method, data []byte) []byte {
	t.Helper()
	w := compress.NewWriter(compress.LevelZero, method)
	if err := w.Compress(data); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(w.Data)
}

func TestFrames(t *testing.T) {
	data := bytes.Repeat([]byte("one case, one record. "), 10_000)
	for _, method := range []compress.Method{compress.LZ4, compress.ZSTD, compress.None} {
		b := append(frameOf(t, method, data), frameOf(t, method, data[:7])...)
		got, err := io.ReadAll(&frames{r: bytes.NewReader(b)})
		if err != nil || !bytes.Equal(got, append(bytes.Clone(data), data[:7]...)) {
			t.Errorf("%v: %d bytes, %v", method, len(got), err)
		}
		if _, err := io.ReadAll(&frames{r: bytes.NewReader(b[:len(b)-1])}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v, cut short: %v", method, err)
		}
		b[30] ^= 1
		if _, err := io.ReadAll(&frames{r: bytes.NewReader(b)}); err == nil || exceptionCode(err) != 40 {
			t.Errorf("%v, a bit flipped: %v", method, err)
		}
	}
}

// A header that claims much must not make the reader allocate much.
func TestFramesClaims(t *testing.T) {
	head := make([]byte, frameHash+frameHeader+100)
	head[frameHash] = frameLZ4
	binary.LittleEndian.PutUint32(head[frameHash+1:], maxFrame)
	binary.LittleEndian.PutUint32(head[frameHash+5:], maxFrame)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := io.ReadAll(&frames{r: bytes.NewReader(head)}); err == nil {
		t.Error("no error")
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
		t.Errorf("allocated %d bytes", n)
	}
	binary.LittleEndian.PutUint32(head[frameHash+5:], maxFrame+1)
	if _, err := io.ReadAll(&frames{r: bytes.NewReader(head)}); err == nil || exceptionCode(err) != 271 {
		t.Error(err)
	}
}

func FuzzFrames(f *testing.F) {
	for _, method := range []compress.Method{compress.LZ4, compress.ZSTD, compress.None} {
		f.Add(frameOf(f, method, []byte("some data, some data, some data")))
	}
	f.Add([]byte{})
	f.Add(make([]byte, 25))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := io.Copy(io.Discard, &frames{r: bytes.NewReader(b)}); err != nil && errors.Is(err, io.EOF) && len(b) > 0 && len(b) < 25 {
			t.Error(err)
		}
		for kind := range map[byte]bool{'l': true, 'c': true, 'b': true} {
			if got := (header{kind, 2}).cut(b); len(got) > len(b) {
				t.Errorf("%q grew to %q", b, got)
			}
		}
	})
}
