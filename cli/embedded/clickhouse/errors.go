package clickhouse

import (
	"errors"
	"fmt"
	"runtime"
)

// What can keep the engine from starting. Errors of Start and Serve wrap these and say how to mend it.
var (
	// ErrNoLibrary says that there is no engine for this platform.
	ErrNoLibrary = errors.New("no embedded ClickHouse for this platform")
	// ErrDirInUse says that another process has the data directory open.
	ErrDirInUse = errors.New("the ClickHouse data directory is in use")
	// ErrAddrInUse says that another program listens on the address.
	ErrAddrInUse = errors.New("the ClickHouse address is taken")
	// ErrCorrupt says that the engine can't open the data directory.
	ErrCorrupt = errors.New("the ClickHouse data directory can't be opened")
)

func noLibrary() error {
	return fmt.Errorf("%w (%s/%s): point --clickhouse-url at a ClickHouse of your own, or run the stack with docker compose",
		ErrNoLibrary, runtime.GOOS, runtime.GOARCH)
}

func corrupt(dir string, cause error) error {
	return fmt.Errorf("%w: %s: %w; move the directory away and start again: the tables fill from the ledger's topics",
		ErrCorrupt, dir, cause)
}

// kinds name the errors on the way from the child to its parent.
var kinds = map[string]error{"library": ErrNoLibrary, "dir": ErrDirInUse, "addr": ErrAddrInUse, "corrupt": ErrCorrupt}

func kindOf(err error) string {
	for name, kind := range kinds {
		if errors.Is(err, kind) {
			return name
		}
	}
	return ""
}

// told is an error that a child told: its text, and what it is by errors.Is.
type told struct {
	text string
	kind error
}

func (e told) Error() string { return e.text }
func (e told) Unwrap() error { return e.kind }
