//go:build darwin || linux

package clickhouse

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// needSpace fails where a disk has less than that many bytes free.
func needSpace(dir string, bytes int64) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return fmt.Errorf("the free space of %s: %w", dir, err)
	}
	if free := s.Bavail * uint64(s.Bsize); free < uint64(bytes) {
		return fmt.Errorf("%s needs %d MB of space for a moment and has %d MB: make room or choose another cache directory", dir, bytes/1e6, free/1e6)
	}
	return nil
}
