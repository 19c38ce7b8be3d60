//go:build unix

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockPatience is how long lockDir waits for a process that is just going, such as the child of a killed parent.
const lockPatience = 3 * time.Second

// lockDir keeps every other process out of dir until the file it returns is closed, or this process is dead.
func lockDir(ctx context.Context, dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "casetrail.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(lockPatience)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			if err := f.Truncate(0); err != nil {
				return nil, errors.Join(err, f.Close())
			}
			if _, err := fmt.Fprintf(f, "%d\n", os.Getpid()); err != nil {
				return nil, errors.Join(err, f.Close())
			}
			return f, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
		case time.Now().After(deadline):
			return nil, errors.Join(inUse(dir, f), f.Close())
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		}
	}
}

func inUse(dir string, f *os.File) error {
	holder := "another process"
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if pid := strings.TrimSpace(string(b)); err == nil && pid != "" {
		holder = "process " + pid
	}
	return fmt.Errorf("%w: %s holds %s; stop it (another casetrail up?) or choose another data directory", ErrDirInUse, holder, dir)
}
