package clickhouse

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The engine is embedded as ClickHouse's local tool, whose function file() reads any file whatever the grants say,
// and SQL has more ways to spell that than can be refused. So the kernel refuses: Landlock leaves the child its
// data directory, its program and what any program needs.

const (
	readAccess = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	fileAccess = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE
	allAccess  = unix.LANDLOCK_ACCESS_FS_REFER<<1 - 1 // everything of version 2, in which rename across directories came
)

// readable is what the loader, libc and the engine's look at the machine need.
var readable = []string{"/usr", "/lib", "/lib64", "/nix/store", "/proc", "/sys", "/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf"}

// confine shuts this process in and starts its program over, for a restriction holds for one thread and what
// comes of it, and a Go program has several by now. It returns nil without doing anything on a kernel that
// can't, and where it has done it already; else only with an error.
func confine(opt Options) error {
	if os.Getenv(childVariable) == confined {
		return nil
	}
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 || version < 2 {
		return nil
	}
	attr := unix.LandlockRulesetAttr{Handled_access_fs: allAccess}
	rules, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr.Handled_access_fs), 0)
	if errno != 0 {
		return fmt.Errorf("confine the engine: %w", errno)
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	for _, path := range append(readable, exe, opt.Lib) {
		err = errors.Join(err, allow(int(rules), path, readAccess))
	}
	err = errors.Join(err, allow(int(rules), "/dev", readAccess|unix.LANDLOCK_ACCESS_FS_WRITE_FILE), allow(int(rules), opt.DataDir, allAccess))
	if err != nil {
		return fmt.Errorf("confine the engine: %w", err)
	}
	runtime.LockOSThread() // to the end: nothing else may run on a restricted thread
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("confine the engine: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, rules, 0, 0); errno != 0 {
		return fmt.Errorf("confine the engine: %w", errno)
	}
	env := []string{childVariable + "=" + confined}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, childVariable+"=") {
			env = append(env, v)
		}
	}
	return fmt.Errorf("start the confined engine: %w", syscall.Exec(exe, os.Args, env))
}

// allow adds what may be done below a path; one that isn't there needs no rule.
func allow(rules int, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= fileAccess
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("%s: %w", path, errno)
	}
	return nil
}
