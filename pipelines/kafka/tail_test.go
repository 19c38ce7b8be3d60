package kafka

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// A broker comes back and knows neither what it had acknowledged nor who wrote it: nothing may be written after the hole.
func TestNothingIsWrittenAfterALostTail(t *testing.T) {
	dir, topics := t.TempDir(), []string{"a", "b"}
	start := func(opts ...kfake.Opt) *kfake.Cluster {
		t.Helper()
		k, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1), kfake.SeedTopics(1, topics...), kfake.DataDir(dir))...)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k := start()
	defer func() { k.Close() }()
	_, text, err := net.SplitHostPort(k.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	again := func() {
		t.Helper()
		k.Close()
		k = start(kfake.Ports(port))
	}
	c := client(t, Config{Brokers: k.ListenAddrs()})
	p, _, err := claim(t.Context(), c, "x-0", []stage.TopicPartition{{Topic: "a"}, {Topic: "b"}}, nobody{}.Retry)
	if err != nil {
		t.Fatal(err)
	}
	write := func(v string) error {
		return p.write(t.Context(), []stage.Record{{Topic: "a", Value: []byte(v)}, {Topic: "b", Value: []byte(v)}})
	}
	if err := write("1"); err != nil {
		t.Fatal(err)
	}
	again() // with all that it had
	if err := write("2"); err != nil {
		t.Fatal(err)
	}
	k.Close()
	keepFirstBatch(t, dir, "b")
	k = start(kfake.Ports(port))
	if err := write("3"); !errors.Is(err, ErrSequence) {
		t.Errorf("written after a hole: %v", err)
	}
	if a, b := values(contents(t, c, "a")), values(contents(t, c, "b")); a != "12" || b != "" {
		t.Errorf("a holds %q, b holds %q", a, b)
	}
}

// keepFirstBatch cuts a partition's one segment behind its first batch, the claim's marker.
func keepFirstBatch(t *testing.T, dir, topic string) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "partitions", topic+"-0", "*.dat"))
	if err != nil || len(segments) != 1 {
		t.Fatalf("%s has segments %q: %v", topic, segments, err)
	}
	raw, err := os.ReadFile(segments[0])
	if err == nil {
		err = os.Truncate(segments[0], 12+int64(binary.BigEndian.Uint32(raw[8:])))
	}
	if err != nil {
		t.Fatal(err)
	}
}
