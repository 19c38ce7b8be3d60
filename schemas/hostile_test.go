package schemas

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestHostileBodies(t *testing.T) {
	chat := (&ChatEvent{EventID: "e", CaseID: "c"}).AppendAvro(nil)
	at := func(i int, b ...byte) []byte { return append(append(bytes.Clone(chat[:i]), b...), chat[i+1:]...) }
	// a WorkItem up to its signals
	item := []byte{2, 'c', 2, 'e', 0, 0, 2, 't', 0}
	signals := func(b ...byte) []byte { return append(append(bytes.Clone(item), b...), 0, 0, 0, 0, 0, 0, 0, 0) }
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1} // the smallest 64-bit number
	for _, c := range []struct {
		name string
		m    Message
		body []byte
		want string
	}{
		{"empty", new(ChatEvent), nil, "event_id: the body ends"},
		{"cut", new(ChatEvent), chat[:len(chat)-1], "case_type: a union"},
		{"trailing", new(ChatEvent), append(bytes.Clone(chat), 0), "casetrail.ChatEvent: 1 bytes too many"},
		{"negative length", new(ChatEvent), at(0, 1), "event_id: length -1"},
		{"length beyond", new(ChatEvent), at(0, 0xfe, 0xff, 0xff, 0x7f), "event_id: length"},
		{"number too long", new(ChatEvent), at(0, bytes.Repeat([]byte{0xff}, 11)...), "more than 64 bits"},
		{"number overflows", new(ChatEvent), at(0, append(bytes.Repeat([]byte{0xff}, 9), 2)...), "more than 64 bits"},
		{"number cut", new(ChatEvent), []byte{0x80}, "the body ends inside a number"},
		{"enum", new(ChatEvent), at(4, 16), "kind: enum index 8 of 8 symbols"},
		{"negative enum", new(ChatEvent), at(4, 1), "kind: enum index -1"},
		{"union", new(ChatEvent), at(7, 4), "customer_id: a union"},
		{"boolean", new(ChatEvent), at(12, 2), "synthetic: a boolean"},
		{"UTF-8", new(ChatEvent), at(1, 0xff), "event_id: invalid UTF-8"},
		{"not an int", new(Position), append([]byte{0x80, 0x80, 0x80, 0x80, 0x10}, 0, 0), "partition: 2147483648 is no 32-bit number"},
		{"fixed cut", new(ConductPolicy), []byte{0, 1, 2}, "sha256: 2 bytes of 32"},
		{"array beyond", new(WorkItem), signals(0xfe, 0xff, 0xff, 0xff, 0x0f), "signals: an array block of 2147483647"},
		{"array too long", new(CaseState), caseStateWithSeen(maxElements + 1), "seen: an array block of 4097"},
		{"array of the smallest count", new(WorkItem), signals(append(bytes.Clone(huge), 2)...), "signals: an array block"},
		{"array with a negative size", new(WorkItem), signals(1, 1, 0, 0), "signals: length -1"},
		{"array that ends elsewhere", new(WorkItem), signals(1, 4, 0, 0, 0), "signals: an array block does not end"},
	} {
		err := c.m.DecodeAvro(c.body)
		if !errors.Is(err, ErrAvro) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if err := new(WorkItem).DecodeAvro(signals(1, 2, 4, 2, 6, 0)); err != nil { // a block with its size, and one without
		t.Error(err)
	}
}

func caseStateWithSeen(n int) []byte {
	body := (&CaseState{}).AppendAvro(nil)
	body = appendLong(body[:len(body)-1], int64(n))
	return append(append(body, make([]byte, n)...), 0)
}

func TestAppendedCanBeRead(t *testing.T) {
	in := &ChatReject{Detail: "bad \xff byte"}
	var out ChatReject
	if err := out.DecodeAvro(in.AppendAvro(nil)); err != nil || out.Detail != "bad \uFFFD byte" {
		t.Errorf("%q, %v", out.Detail, err)
	}
	panics(t, "has no symbol 9", func() { (&ChatEvent{Sender: 9}).AppendAvro(nil) })
	panics(t, "an array of 4097", func() { (&CaseState{Seen: make([]int64, 4097)}).AppendAvro(nil) })
	panics(t, "was not registered", func() { NewOfflineCodec().Append(nil, "t", new(Tick)) })
}

func panics(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if text, _ := recover().(string); !strings.Contains(text, want) {
			t.Errorf("panic %q, want %q", text, want)
		}
	}()
	f()
}

// bounded fails where f takes more memory than a body of that size can account for.
func bounded(t *testing.T, size, perByte int, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	f()
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > uint64(perByte*size)+1<<20 {
		t.Fatalf("%d bytes took %d bytes of memory", size, used)
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Fatalf("%d bytes took %v", size, d)
	}
}

func FuzzDecode(f *testing.F) {
	names := Names()
	for i, name := range names {
		m, _ := New(name)
		f.Add(byte(i), m.AppendAvro(nil))
	}
	for i, name := range names {
		if name == "casetrail.MetricRecord" || name == "casetrail.RouterState" {
			f.Add(byte(i), []byte{0, 0, 0, 1, 0x7e, 0xfe, 0xff, 0xff, 0xff, 0x0f})
		}
	}
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		name := names[int(which)%len(names)]
		m, _ := New(name)
		var err error
		bounded(t, len(body), 64, func() { err = m.DecodeAvro(body) })
		if err != nil {
			if !errors.Is(err, ErrAvro) || !strings.Contains(err.Error(), "casetrail.") {
				t.Fatal(err)
			}
			return
		}
		once := m.AppendAvro(nil)
		back, _ := New(name)
		if err := back.DecodeAvro(once); err != nil {
			t.Fatal(err)
		}
		if twice := back.AppendAvro(nil); !bytes.Equal(once, twice) {
			t.Fatalf("%x\n%x", once, twice)
		}
	})
}

func FuzzForeign(f *testing.F) {
	f.Add(`{"type":"record","name":"Tick","namespace":"casetrail","fields":[{"name":"time","type":"int"}]}`, []byte{2})
	f.Add(`{"type":"record","name":"casetrail.WorkItem","fields":[{"name":"signals","type":{"type":"array","items":"string"}}]}`, []byte{2, 2, 'a', 0})
	f.Add(`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"map","values":["null","bytes"]}}]}`, []byte{2, 2, 'a', 0, 0})
	f.Add(`{"type":"record","name":"R","fields":[{"name":"a","type":"null"}]}`, []byte{})
	f.Add(`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":{"type":"array","items":"boolean"}}}]}`, bytes.Repeat([]byte{0x7e}, 50))
	f.Fuzz(func(t *testing.T, text string, body []byte) {
		w, err := newWriter(text)
		if err != nil {
			return
		}
		m, ok := New(w.name)
		if !ok {
			m = new(Tick)
		}
		bounded(t, len(body), 4096, func() { err = w.decode(body, m) })
		if err != nil && !errors.Is(err, ErrAvro) {
			t.Fatal(err)
		}
	})
}
