package harness

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// attributes: a child dies with the test process, and Ctrl-C at the terminal is the test's to handle.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// Peak is the process's largest resident memory so far, in bytes; 0 where it has ended.
func (p *Process) Peak() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}
