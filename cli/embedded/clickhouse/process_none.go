//go:build !unix

package clickhouse

import "syscall"

func childAttributes() *syscall.SysProcAttr { return nil }
