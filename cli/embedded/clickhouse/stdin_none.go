//go:build !unix

package clickhouse

func closeStdin() error { return nil }
