package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dataLock keeps a data directory to one up.
type dataLock struct{ file *os.File }

// minFree is how much disk up wants to begin with: the engine's library and some room for the log.
const minFree = 1 << 30

// lockData takes the data directory, or says who has it. It also says when the disk has no room.
func lockData(data string) (*dataLock, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("the data directory: %w; choose another with --data", err)
	}
	f, err := os.OpenFile(filepath.Join(data, "up.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data directory: %w; choose another with --data", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		pid, _ := readPID(data)
		return nil, fmt.Errorf("%s is in use by another casetrail up (process %d); stop it with make down, or choose another with --data", data, pid)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(data, &fs); err == nil && fs.Bavail*uint64(fs.Bsize) < minFree {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("%s has %d MB free and needs %d; make room, or choose another disk with --data", data, fs.Bavail*uint64(fs.Bsize)>>20, minFree>>20)
	}
	if err := os.WriteFile(pidFile(data), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		_ = f.Close() // the write's error says more
		return nil, err
	}
	return &dataLock{f}, nil
}

func (l *dataLock) release() { _ = l.file.Close() } // ends the lock whatever it returns

type downCommand struct {
	Data string `default:"data" type:"path" help:"The data directory of the up to stop."`
}

// downTime bounds how long down waits.
const downTime = 30 * time.Second

// Run stops the up that has the data directory, if there is one.
func (c *downCommand) Run(ctx context.Context) error {
	f, err := os.OpenFile(filepath.Join(c.Data, "up.lock"), os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		fmt.Println("nothing is running")
		return nil
	} else if err != nil {
		return err
	}
	defer f.Close()
	asked := false
	for begin := time.Now(); time.Since(begin) < downTime; {
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			fmt.Println(map[bool]string{true: "stopped", false: "nothing is running"}[asked])
			return nil
		}
		if !asked {
			pid, err := readPID(c.Data)
			if err != nil {
				return err
			}
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
				return fmt.Errorf("stop process %d: %w", pid, err)
			}
			asked = true
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("the casetrail up on %s has not stopped within %v", c.Data, downTime)
}
