package broker

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestRetentionKeepsOffsets(t *testing.T) {
	dir := t.TempDir()
	b := start(t, dir)
	createTopic(t, b.Addr(), "t", "retention.ms", "60000")
	createTopic(t, b.Addr(), "ledger", "retention.ms", "-1")
	c := client(t, b.Addr())
	old := time.Now().Add(-time.Hour)
	for i := range 10 {
		produce(t, c, "t", "k", old, fmt.Sprint(i))
		produce(t, c, "ledger", "k", old, fmt.Sprint(i))
	}
	if err := b.clean(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, b.Addr(), "t"); len(got) != 1 || got[0].Offset != 9 {
		t.Errorf("%d records of t; only the last should be left", len(got))
	}
	if got := read(t, b.Addr(), "ledger"); len(got) != 10 {
		t.Errorf("%d records of ledger, want 10", len(got))
	}
	stop(t, b)
	b = start(t, dir)
	defer stop(t, b)
	if at := produce(t, client(t, b.Addr()), "t", "k", time.Now(), "x"); at != 10 {
		t.Errorf("offset %d after a restart, want 10", at)
	}
	if err := b.clean(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, b.Addr(), "t"); len(got) != 1 || got[0].Offset != 10 {
		t.Errorf("%d records; only the new one should be left", len(got))
	}
}

func compacted(t *testing.T, dir string) *Broker {
	t.Helper()
	b := start(t, dir)
	createTopic(t, b.Addr(), "state", "cleanup.policy", "compact", "retention.ms", "-1")
	c := client(t, b.Addr())
	for i := range 30 {
		produce(t, c, "state", fmt.Sprint("k", i%3), time.Now().Add(-1000*time.Hour), fmt.Sprint(i))
	}
	return b
}

func TestCompaction(t *testing.T) {
	dir := t.TempDir()
	b := compacted(t, dir)
	defer func() { stop(t, b) }()
	check := func() {
		t.Helper()
		got := read(t, b.Addr(), "state")
		// the last batch takes no part, so its key is there twice
		if len(got) != 4 || got[0].Offset != 26 || string(got[3].Value) != "29" {
			t.Fatalf("%d records, first %+v", len(got), got[0])
		}
	}
	topics, err := b.topics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	addr := b.Addr()
	dirs, _ := b.compactable(topics)
	if err := b.compact(dirs, topics); err != nil {
		t.Fatal(err)
	}
	if check(); b.Addr() != addr {
		t.Error("the address changed to", b.Addr())
	}
	stop(t, b)
	b = start(t, dir)
	check()
	if at := produce(t, client(t, b.Addr()), "state", "k", time.Now(), "x"); at != 30 {
		t.Errorf("offset %d after compaction, want 30", at)
	}
}

func TestCompactionCutShort(t *testing.T) {
	dir := t.TempDir()
	stop(t, compacted(t, dir))
	// killed between the two renames
	if err := compactCopy(dir, []string{"state-0"}); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "partitions", "state-0"), filepath.Join(scratch(dir), "old", "state-0")); err != nil {
		t.Fatal(err)
	}
	b := start(t, dir)
	defer stop(t, b)
	if got := read(t, b.Addr(), "state"); len(got) != 30 {
		t.Errorf("%d records, want the 30 from before", len(got))
	}
	if _, err := os.Stat(scratch(dir)); err == nil {
		t.Error("the scratch directory was left behind")
	}
}

func TestAppendTime(t *testing.T) {
	dir := t.TempDir()
	b := start(t, dir)
	createTopic(t, b.Addr(), "in", "message.timestamp.type", "LogAppendTime")
	createTopic(t, b.Addr(), "as-given")
	stop(t, b)
	b = start(t, dir)
	defer stop(t, b)
	c := client(t, b.Addr())
	old, before := time.Now().Add(-1000*time.Hour), time.Now().Add(-time.Minute)
	produce(t, c, "in", "k", old, "x", "y")
	produce(t, c, "as-given", "k", old, "x")
	for _, m := range read(t, b.Addr(), "in") {
		if m.Time.Before(before) {
			t.Errorf("time %v; the time of arrival was wanted", m.Time)
		}
	}
	if m := read(t, b.Addr(), "as-given")[0]; m.Time.UnixMilli() != old.UnixMilli() {
		t.Errorf("time %v, want %v", m.Time, old)
	}
}

func TestStampTakesTheMarkAway(t *testing.T) {
	batch := make([]byte, batchHeader+10)
	batch[attributesAt+1] = appendTime
	binary.BigEndian.PutUint64(batch[firstTimeAt:], 100)
	binary.BigEndian.PutUint64(batch[maxTimeAt:], 150)
	broken := append([]byte(nil), batch...)
	binary.BigEndian.PutUint32(batch[crcAt:], crc32.Checksum(batch[attributesAt:], castagnoli))
	stamp(batch, false, 1000)
	first, last := binary.BigEndian.Uint64(batch[firstTimeAt:]), binary.BigEndian.Uint64(batch[maxTimeAt:])
	if batch[attributesAt+1] != 0 || first != 950 || last != 1000 {
		t.Errorf("attributes %x, %d to %d", batch[attributesAt+1], first, last)
	}
	if crc32.Checksum(batch[attributesAt:], castagnoli) != binary.BigEndian.Uint32(batch[crcAt:]) {
		t.Error("the checksum does not fit")
	}
	stamp(broken, true, 1000)
	if broken[attributesAt+1] != appendTime {
		t.Error("a batch with a wrong checksum was made a good one")
	}
	stamp(nil, true, 1000)
}

// What a client has deleted is not on the disk any more, after kill -9 either, and offsets go on.
func TestDeletedIsGoneFromTheDisk(t *testing.T) {
	dir := t.TempDir()
	b := start(t, dir)
	createTopic(t, b.Addr(), "t")
	c := client(t, b.Addr())
	for i := range 10 {
		produce(t, c, "t", "k", time.Now(), fmt.Sprintf("secret-%d", i), fmt.Sprintf("secret-%d", i))
	}
	inDisk := func(what string) (n int) {
		files, err := filepath.Glob(filepath.Join(dir, "partitions", "t-0", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			n += bytes.Count(raw, []byte(what))
		}
		return n
	}
	remove := func(offset int64) {
		t.Helper()
		conn, err := net.Dial("tcp4", b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		req := kmsg.NewPtrDeleteRecordsRequest()
		req.Version = 1
		req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "t", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: offset}}}}
		if _, err := conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, req, 1)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 64)); err != nil {
			t.Fatal(err)
		}
	}
	if inDisk("secret") != 20 {
		t.Fatal("the test looks in the wrong place")
	}
	remove(6)
	for deadline := time.Now().Add(10 * time.Second); inDisk("secret") != 14 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	if n := inDisk("secret"); n != 14 {
		t.Fatalf("%d records are on the disk, want 14", n)
	}
	if got := read(t, b.Addr(), "t"); len(got) != 14 || got[0].Offset != 6 || string(got[0].Value) != "secret-3" {
		t.Errorf("%d records, the first at %d", len(got), got[0].Offset)
	}
	remove(20) // all
	stop(t, b) // whether it is done by then or not
	b = start(t, dir)
	defer func() { stop(t, b) }()
	if n := inDisk("secret"); n != 0 {
		t.Errorf("%d records are on the disk", n)
	}
	if got := produce(t, client(t, b.Addr()), "t", "k", time.Now(), "next"); got != 20 {
		t.Errorf("the next record has offset %d, want 20", got)
	}
}
