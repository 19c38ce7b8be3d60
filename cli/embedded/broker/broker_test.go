package broker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"go.uber.org/goleak"
)

// childDir makes the test binary a broker on that directory, to be killed.
const childDir = "CASETRAIL_TEST_BROKER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		b, err := Start(context.Background(), Options{DataDir: dir, Addr: "127.0.0.1:0"})
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println(b.Addr())
		_, _ = io.Copy(io.Discard, os.Stdin) // until killed, or the parent is dead
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// child runs a broker in another process and returns its address and how to kill it.
func child(t *testing.T, dir string) (addr string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error:") {
		t.Fatal(line, err)
	}
	return strings.TrimSpace(line), func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = stdin.Close()
	}
}

func start(t *testing.T, dir string) *Broker {
	t.Helper()
	b, err := Start(t.Context(), Options{DataDir: dir, Addr: "127.0.0.1:0", Log: func(s string) { t.Log(s) }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func stop(t *testing.T, b *Broker) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func client(t *testing.T, addr string) *kafka.Client {
	tr := &kafka.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &kafka.Client{Addr: kafka.TCP(addr), Timeout: 10 * time.Second, Transport: tr}
}

func createTopic(t *testing.T, addr, name string, configs ...string) {
	t.Helper()
	cfg := kafka.TopicConfig{Topic: name, NumPartitions: 1, ReplicationFactor: 1}
	for i := 0; i < len(configs); i += 2 {
		cfg.ConfigEntries = append(cfg.ConfigEntries, kafka.ConfigEntry{ConfigName: configs[i], ConfigValue: configs[i+1]})
	}
	c, err := kafka.Dial("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.CreateTopics(cfg); err != nil {
		t.Fatal(err)
	}
}

// produce writes one batch of values under one key, and returns its offset.
func produce(t *testing.T, c *kafka.Client, topic, key string, at time.Time, values ...string) int64 {
	t.Helper()
	var rs []kafka.Record
	for _, v := range values {
		rs = append(rs, kafka.Record{Key: kafka.NewBytes([]byte(key)), Value: kafka.NewBytes([]byte(v)), Time: at})
	}
	resp, err := c.Produce(t.Context(), &kafka.ProduceRequest{Topic: topic, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(rs...)})
	if err == nil {
		err = resp.Error
	}
	if err != nil {
		t.Fatal(err)
	}
	return resp.BaseOffset
}

// read returns the records of a topic up to its end.
func read(t *testing.T, addr, topic string) (out []kafka.Message) {
	t.Helper()
	conn, err := kafka.DialLeader(t.Context(), "tcp4", addr, topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	first, end, err := conn.ReadOffsets()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Seek(first, kafka.SeekAbsolute); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for at := first; at < end; {
		m, err := conn.ReadMessage(1 << 20)
		if err != nil {
			t.Fatalf("at %d of %d: %v", at, end, err)
		}
		at = m.Offset + 1
		out = append(out, m)
	}
	return out
}

func TestKilledBrokerKeepsWhatItAcknowledged(t *testing.T) {
	dir := t.TempDir()
	addr, kill := child(t, dir)
	createTopic(t, addr, "t")
	c := client(t, addr)
	for i := range 200 {
		if got := produce(t, c, "t", "k", time.Now(), fmt.Sprint(i)); got != int64(i) {
			t.Fatalf("offset %d, want %d", got, i)
		}
	}
	_, err := c.OffsetCommit(t.Context(), &kafka.OffsetCommitRequest{GroupID: "g", GenerationID: -1,
		Topics: map[string][]kafka.OffsetCommit{"t": {{Partition: 0, Offset: 42}}}})
	if err != nil {
		t.Fatal(err)
	}
	kill()

	b := start(t, dir)
	defer stop(t, b)
	got := read(t, b.Addr(), "t")
	if len(got) != 200 {
		t.Fatalf("%d records after kill -9, want 200", len(got))
	}
	for i, m := range got {
		if string(m.Value) != fmt.Sprint(i) || m.Offset != int64(i) {
			t.Fatalf("record %d: offset %d, value %s", i, m.Offset, m.Value)
		}
	}
	resp, err := client(t, b.Addr()).OffsetFetch(t.Context(), &kafka.OffsetFetchRequest{GroupID: "g", Topics: map[string][]int{"t": {0}}})
	if err != nil || resp.Topics["t"][0].CommittedOffset != 42 {
		t.Errorf("committed offset: %+v, %v", resp, err)
	}
}

func TestDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	b := start(t, dir)
	defer stop(t, b)
	_, err := Start(t.Context(), Options{DataDir: dir, Addr: "127.0.0.1:0"})
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "choose another data directory") {
		t.Error(err)
	}
}

func TestAddresses(t *testing.T) {
	b := start(t, t.TempDir())
	defer stop(t, b)
	if host, _, _ := net.SplitHostPort(b.Addr()); host != "127.0.0.1" {
		t.Error("listens on", b.Addr())
	}
	for addr, want := range map[string]string{
		b.Addr():       "is in use",
		"0.0.0.0:0":    "127.0.0.1 only",
		"192.0.2.1:80": "127.0.0.1 only",
		"nonsense":     "write it like",
	} {
		dir := t.TempDir()
		if _, err := Start(t.Context(), Options{DataDir: dir, Addr: addr}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", addr, err, want)
		}
		again := start(t, dir) // the failed start gave the directory back
		stop(t, again)
	}
}

func TestNoTopicsByAccident(t *testing.T) {
	b := start(t, t.TempDir())
	defer stop(t, b)
	resp, err := client(t, b.Addr()).Produce(t.Context(), &kafka.ProduceRequest{Topic: "typo", RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte("x"))})})
	if err == nil && resp.Error == nil {
		t.Error("a topic that nobody made took a record")
	}
}

func TestOversizedRequestIsRefused(t *testing.T) {
	b := start(t, t.TempDir())
	defer stop(t, b)
	conn, err := net.Dial("tcp4", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || os.IsTimeout(err) {
		t.Errorf("read %d bytes, %v; the connection should be closed", n, err)
	}
}
