//go:build unix

package clickhouse

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// closeStdin points file descriptor 0 at nothing: the engine would read it as the data of INSERTs.
func closeStdin() error {
	null, err := unix.Open(os.DevNull, unix.O_RDONLY, 0)
	if err != nil || null == 0 { // 0: it was closed, and now is what it should be
		return err
	}
	return errors.Join(unix.Dup2(null, 0), unix.Close(null))
}
