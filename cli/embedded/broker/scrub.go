package broker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	lastDeltaAt = 23
	countAt     = 57
)

// scrubWait is how long deletions are gathered: putting them on disk is a restart of the cluster.
const scrubWait = 500 * time.Millisecond

// deletions are what clients had deleted (DeleteRecords): by the partition's directory, before which offset. kfake only forgets
// it, until kill -9 even that; here it goes from the disk. They are on disk from before the client has its answer.
type deletions struct {
	file string
	wake chan struct{}

	mu     sync.Mutex
	before map[string]int64
}

func loadDeletions(dir string) (*deletions, error) {
	d := &deletions{file: filepath.Join(dir, "deletions.json"), wake: make(chan struct{}, 1), before: map[string]int64{}}
	b, err := os.ReadFile(d.file)
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &d.before)
	}
	return d, err
}

// watch notes every deletion.
func (d *deletions) watch(c *kfake.Cluster, log func(string)) {
	const deleteRecords = 21
	c.ControlKey(deleteRecords, func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		d.mu.Lock()
		defer d.mu.Unlock()
		topics := req.(*kmsg.DeleteRecordsRequest).Topics
		for i := range topics {
			for k := range topics[i].Partitions {
				if p := topics[i].Partitions[k]; p.Offset > 0 {
					dir := fmt.Sprintf("%s-%d", url.PathEscape(topics[i].Topic), p.Partition)
					d.before[dir] = max(d.before[dir], p.Offset)
				}
			}
		}
		if err := d.save(); err != nil {
			log(fmt.Sprintf("embedded broker: deletions: %v", err))
		}
		select {
		case d.wake <- struct{}{}:
		default:
		}
		return nil, nil, false
	})
}

func (d *deletions) save() error {
	if len(d.before) == 0 {
		return os.Remove(d.file)
	}
	b, err := json.Marshal(d.before)
	if err != nil {
		return err
	}
	if err := os.WriteFile(d.file+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(d.file+".new", d.file)
}

// scrub puts deletions on disk: it blanks what was deleted.
func (b *Broker) scrub() error {
	b.deletions.mu.Lock()
	before := maps.Clone(b.deletions.before)
	b.deletions.mu.Unlock()
	if len(before) == 0 {
		return nil
	}
	dirs := slices.Sorted(maps.Keys(before))
	dirs = slices.DeleteFunc(dirs, func(d string) bool {
		_, err := os.Stat(filepath.Join(b.dir, "partitions", d))
		return err != nil
	})
	if b.cluster != nil {
		b.cluster.Close()
	}
	failed := blankCopy(b.dir, dirs, before)
	if failed == nil {
		failed = exchange(b.dir, dirs)
	}
	if failed = errors.Join(failed, undoCompaction(b.dir)); failed == nil {
		b.deletions.mu.Lock()
		for dir, offset := range before {
			if b.deletions.before[dir] == offset {
				delete(b.deletions.before, dir)
			}
		}
		failed = b.deletions.save()
		b.deletions.mu.Unlock()
	}
	var err error
	b.cluster, err = b.open()
	return errors.Join(failed, err)
}

// blankCopy makes copies of partitions in which the batches that end before an offset hold nothing. They have the same size and
// offsets, so that all else about the partition stays true.
func blankCopy(dir string, parts []string, before map[string]int64) error {
	tmp := scratch(dir)
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	for _, d := range []string{"old", "partitions"} {
		if err := os.MkdirAll(filepath.Join(tmp, d), 0o700); err != nil {
			return err
		}
	}
	for _, part := range parts {
		to := filepath.Join(tmp, "partitions", part)
		if err := linkAll(filepath.Join(dir, "partitions", part), to); err != nil {
			return err
		}
		segments, err := filepath.Glob(filepath.Join(to, "*.dat"))
		if err != nil {
			return err
		}
		if last := before[part] - 1; len(segments) == 0 { // else the partition would count from 0 again
			if err := os.WriteFile(filepath.Join(to, fmt.Sprintf("%d.dat", last)), nothing(last), 0o600); err != nil {
				return err
			}
		}
		for _, path := range segments {
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if !blank(raw, before[part]) {
				continue
			}
			if err := os.Remove(path); err != nil { // it is a link: the old file must stay as it is
				return err
			}
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// nothing is a batch that holds nothing at an offset.
func nothing(offset int64) []byte {
	const magicAt, producerAt = 16, 43
	b := make([]byte, batchHeader)
	binary.BigEndian.PutUint64(b, uint64(offset))
	binary.BigEndian.PutUint32(b[8:], batchHeader-12)
	b[magicAt] = 2
	for i := producerAt; i < countAt; i++ { // no producer, no sequence
		b[i] = 0xff
	}
	binary.BigEndian.PutUint32(b[crcAt:], crc32.Checksum(b[attributesAt:], castagnoli))
	return b
}

// blank takes the records out of a segment's batches that end before an offset, and tells whether there were any.
func blank(segment []byte, before int64) (changed bool) {
	for b := segment; len(b) >= batchHeader; {
		size := 12 + int64(binary.BigEndian.Uint32(b[8:]))
		if size < batchHeader || size > int64(len(b)) {
			break // the rest is no batch; kfake cuts it off
		}
		batch := b[:size]
		b = b[size:]
		last := int64(binary.BigEndian.Uint64(batch)) + int64(int32(binary.BigEndian.Uint32(batch[lastDeltaAt:])))
		const control, codec = 0x20, 0x07
		if last >= before || batch[attributesAt+1]&control != 0 || binary.BigEndian.Uint32(batch[countAt:]) == 0 {
			continue
		}
		batch[attributesAt+1] &^= codec
		clear(batch[countAt:])
		binary.BigEndian.PutUint32(batch[crcAt:], crc32.Checksum(batch[attributesAt:], castagnoli))
		changed = true
	}
	return changed
}
