//go:build !darwin && !linux

package clickhouse

func loadLibrary(string) (*library, error) { return nil, noLibrary() }
