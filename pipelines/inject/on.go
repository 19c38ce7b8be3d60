//go:build inject

package inject

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// On tells whether this build can inject faults.
const On = true

// What the environment says when the process starts: a mutant's name, and POINT or POINT:N for the point, and at which
// passing of it, the process dies.
const (
	MutantEnv = "CASETRAIL_MUTANT"
	CrashEnv  = "CASETRAIL_CRASH"
)

var (
	mutant atomic.Pointer[Mutant]
	point  Point
	left   atomic.Int64
)

func init() {
	Use(Mutant(os.Getenv(MutantEnv)))
	name, n, _ := strings.Cut(os.Getenv(CrashEnv), ":")
	point = Point(name)
	passes, err := strconv.ParseInt(n, 10, 64)
	if err != nil {
		passes = 1
	}
	left.Store(passes)
}

// Use turns a mutant on, and any other off; none with the empty one.
func Use(m Mutant) { mutant.Store(&m) }

// Is tells whether a mutant is on.
func (m Mutant) Is() bool { return m == *mutant.Load() }

// Pass kills the process where the environment says so, as kill -9 would.
func (p Point) Pass() {
	if p == point && left.Add(-1) == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until the signal has come
	}
}

// Armed tells whether the process is to kill itself here.
func (p Point) Armed() bool { return p == point }
