package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kfake"
)

// minGrowth is how many bytes compacted topics may have before it is worth the trouble.
const minGrowth = 32 << 20

// compactIfGrown compacts where compacted topics are more than twice as large as they were after the last time.
func (b *Broker) compactIfGrown(topics []topic) error {
	dirs, size := b.compactable(topics)
	if size < max(minGrowth, 2*b.floor) {
		return nil
	}
	return b.compact(dirs, topics)
}

// compactable are the partition directories of compacted topics, and the bytes in them.
func (b *Broker) compactable(topics []topic) (dirs []string, size int64) {
	for _, t := range topics {
		if !t.compacted() {
			continue
		}
		for _, p := range b.cluster.PartitionInfos(t.name) {
			if p.NumBytes > 0 {
				dirs = append(dirs, fmt.Sprintf("%s-%d", url.PathEscape(t.name), p.Partition))
				size += p.NumBytes
			}
		}
	}
	return dirs, size
}

// compact closes the cluster, compacts a copy of dirs, puts it in their place, and opens the cluster again. Clients see a
// broker that restarts. Where compacting fails, all is as it was before.
func (b *Broker) compact(dirs []string, topics []topic) error {
	b.cluster.Close()
	failed := compactCopy(b.dir, dirs)
	if failed == nil {
		failed = exchange(b.dir, dirs)
	}
	failed = errors.Join(failed, undoCompaction(b.dir))
	var err error
	if b.cluster, err = b.open(); err != nil {
		return errors.Join(failed, err)
	}
	_, b.floor = b.compactable(topics)
	return failed
}

func scratch(dir string) string { return filepath.Join(dir, "compacting") }

// compactCopy lets a cluster without a network compact links to the files. kfake writes new files and leaves the old ones.
func compactCopy(dir string, parts []string) error {
	tmp := scratch(dir)
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	for _, d := range []string{"old", "partitions"} {
		if err := os.MkdirAll(filepath.Join(tmp, d), 0o700); err != nil {
			return err
		}
	}
	for _, name := range []string{"meta.json", "topics.json", "broker_configs.json"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(tmp, name), raw, 0o600)
		}
		if err != nil {
			return err
		}
	}
	for _, part := range parts {
		if err := linkAll(filepath.Join(dir, "partitions", part), filepath.Join(tmp, "partitions", part)); err != nil {
			return err
		}
	}
	var trouble complaint
	c, err := kfake.NewCluster(append(settings(tmp, &trouble), kfake.ListenFn(nowhere))...)
	if err != nil {
		return fmt.Errorf("open a copy to compact it: %w", err)
	}
	c.Compact()
	c.Close()
	if first := trouble.first.Load(); first != nil {
		return fmt.Errorf("compact a copy: %s", *first)
	}
	return nil
}

func linkAll(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Link(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// exchange puts the compacted directories in the place of the old ones.
func exchange(dir string, parts []string) error {
	for _, part := range parts {
		if err := os.Rename(filepath.Join(dir, "partitions", part), filepath.Join(scratch(dir), "old", part)); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(scratch(dir), "partitions", part), filepath.Join(dir, "partitions", part)); err != nil {
			return err
		}
	}
	return nil
}

// undoCompaction puts back what exchange moved away and did not replace, and clears up.
func undoCompaction(dir string) error {
	old := filepath.Join(scratch(dir), "old")
	entries, err := os.ReadDir(old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		place := filepath.Join(dir, "partitions", e.Name())
		if _, err := os.Lstat(place); errors.Is(err, fs.ErrNotExist) {
			if err := os.Rename(filepath.Join(old, e.Name()), place); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
	}
	return os.RemoveAll(scratch(dir))
}

// complaint keeps the first warning: kfake only logs that it could not write.
type complaint struct{ first atomic.Pointer[string] }

func (c *complaint) Logf(level kfake.LogLevel, format string, args ...any) {
	if level == kfake.LogLevelError || level == kfake.LogLevelWarn {
		line := fmt.Sprintf(format, args...)
		c.first.CompareAndSwap(nil, &line)
	}
}

// nowhere is a listener that nobody can reach.
func nowhere(string, string) (net.Listener, error) { return &silent{closed: make(chan struct{})}, nil }

type silent struct {
	closed chan struct{}
	once   atomic.Bool
}

func (s *silent) Accept() (net.Conn, error) {
	<-s.closed
	return nil, net.ErrClosed
}

func (s *silent) Close() error {
	if !s.once.Swap(true) {
		close(s.closed)
	}
	return nil
}

func (s *silent) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
