//go:build !darwin && !linux

package clickhouse

// needSpace leaves it to the write that fails.
func needSpace(string, int64) error { return nil }
