package clickhouse

import (
	"fmt"
	"path/filepath"
	"sync"
)

// engine is the open engine. It holds one connection throughout, for it closes with the last.
type engine struct {
	lib                     *library
	args                    []string // of every connection; they must all be the same
	version, name, timezone string

	mu    sync.Mutex // of spare
	spare *conn
}

// openEngine opens the engine on a directory that nobody else uses.
func openEngine(libPath, dir string) (*engine, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := prepareDefault(dir); err != nil {
		return nil, err
	}
	config, err := writeConfig(dir)
	if err != nil {
		return nil, err
	}
	lib, err := loadLibrary(libPath)
	if err != nil {
		return nil, err
	}
	e := &engine{lib: lib, args: []string{"--path=" + dir, "--config-file=" + config}}
	if e.spare, err = e.open(); err != nil {
		return nil, corrupt(dir, err)
	}
	row, err := e.spare.row("SELECT version(), displayName(), timezone()")
	if err != nil {
		e.close()
		return nil, corrupt(dir, err)
	}
	if len(row) != 3 {
		e.close()
		return nil, corrupt(dir, fmt.Errorf("asked for its version it said %q", row))
	}
	e.version, e.name, e.timezone = row[0], row[1], row[2]
	return e, nil
}

func (e *engine) open() (*conn, error) { return e.lib.open(e.args...) }

// kill stops the running statements for which the condition holds, without waiting for them.
func (e *engine) kill(where string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.spare.exec("KILL QUERY WHERE " + where + " ASYNC")
}

// close closes the engine, with its last connection; no other may be open. chdb_shutdown, which would also join
// its threads, is left out: it declines now and then with nothing open, and is only needed where C destructors run
// at exit.
func (e *engine) close() { e.spare.close() }
