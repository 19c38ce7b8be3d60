//go:build unix && !linux

package clickhouse

import "syscall"

// childAttributes: its own process group keeps a terminal's Ctrl-C from the child. That it ends with us is left
// to the pipe.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
