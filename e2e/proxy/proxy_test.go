package proxy_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/casetrail/casetrail/e2e/proxy"
)

// echo is a broker that answers each frame with itself.
func echo(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func frame(kind uint16, body string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(2+len(body)))
	return append(binary.BigEndian.AppendUint16(b, kind), body...)
}

func start(t *testing.T) (*proxy.Proxy, func() net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := proxy.Start(proxy.Route{Listen: at, Connect: echo(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, func() net.Conn {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return c
	}
}

func ask(t *testing.T, c net.Conn, frame []byte) error {
	t.Helper()
	for _, part := range [][]byte{frame[:3], frame[3:]} {
		if _, err := c.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, len(frame))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if !bytes.Equal(got, frame) {
		t.Fatalf("%q came back as %q", frame, got)
	}
	return nil
}

func TestLosesAnswers(t *testing.T) {
	p, dial := start(t)
	p.LoseEvery(3)
	c := dial()
	big := string(make([]byte, 100_000))
	for i, ok := range []bool{true, true, true, true, false} {
		kind := uint16(proxy.Produce)
		if i < 2 {
			kind = 1 // a fetch, which does not count
		}
		if err := ask(t, c, frame(kind, big)); (err == nil) != ok {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	if lost, _ := p.Counts(); lost != 1 {
		t.Errorf("%d answers lost, want 1", lost)
	}
	if err := ask(t, dial(), frame(1, "x")); err != nil {
		t.Errorf("another connection: %v", err)
	}
}

func TestHoldsRequests(t *testing.T) {
	p, dial := start(t)
	c, other := dial(), dial()
	if err := ask(t, other, frame(1, "before")); err != nil {
		t.Fatal(err)
	}
	p.Hold(proxy.Produce)
	if err := ask(t, c, frame(1, "not held")); err != nil || p.Holds() {
		t.Fatal(err, p.Holds())
	}
	late := make(chan error, 2)
	go func() { late <- ask(t, c, frame(uint16(proxy.Produce), "held")) }()
	for !p.Holds() {
		time.Sleep(time.Millisecond)
	}
	go func() { late <- ask(t, other, frame(1, "held too")) }()
	select {
	case err := <-late:
		t.Fatalf("not held: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	p.Release()
	for range 2 {
		if err := <-late; err != nil {
			t.Error(err)
		}
	}
}

func TestCountsWhatIsRefused(t *testing.T) {
	p, dial := start(t)
	body := append(make([]byte, 2+4), 0, 0, 0, 1, 0, 3, 'o', 'u', 't', 0, 0, 0, 1, 0, 0, 0, 0, 0, 47)
	answer := append(binary.BigEndian.AppendUint32(nil, uint32(len(body)-2)), body[2:]...)
	// What echoes is a produce request to us and an answer to the client: its first two bytes are 0 either way.
	if err := ask(t, dial(), answer); err != nil {
		t.Fatal(err)
	}
	if _, refused := p.Counts(); refused != 1 {
		t.Errorf("%d refused, want 1", refused)
	}
}
