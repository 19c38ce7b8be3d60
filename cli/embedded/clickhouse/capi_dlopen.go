//go:build darwin || linux

package clickhouse

import (
	"fmt"

	"github.com/ebitengine/purego"
)

// loadLibrary opens libchdb without cgo. It stays loaded until the process ends: it can't be unloaded safely.
func loadLibrary(path string) (*library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load the ClickHouse library: %w", err)
	}
	lib := &library{}
	for name, field := range lib.symbols() {
		if _, err := purego.Dlsym(handle, name); err != nil {
			return nil, fmt.Errorf("%s is no libchdb of version 26.7 or later: %w", path, err)
		}
		purego.RegisterLibFunc(field, handle, name)
	}
	lib.setSignals(0) // before the first connection: the handlers must stay Go's
	return lib, nil
}
