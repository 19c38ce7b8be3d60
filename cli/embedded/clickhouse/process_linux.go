package clickhouse

import "syscall"

// childAttributes: the kernel kills the child when we die, whatever state either is in (the engine is safe to
// kill). Its own process group keeps a terminal's Ctrl-C from it: the services must drain into it first.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
