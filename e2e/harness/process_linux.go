package harness

import "syscall"

// attributes: a child dies with the test process, and Ctrl-C at the terminal is the test's to handle.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
