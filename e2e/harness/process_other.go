//go:build !linux

package harness

import "syscall"

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// Peak is not known here.
func (p *Process) Peak() int64 { return 0 }
