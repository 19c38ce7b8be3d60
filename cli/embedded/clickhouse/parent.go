package clickhouse

import (
	"context"
	"encoding/json"
	"os"
	"time"
)

// A child that Start made has two pipes to its parent, named by this variable: on the first it waits for the
// end of the parent (it reads nothing but EOF), on the second it writes one report.
const (
	childVariable = "CASETRAIL_CLICKHOUSE_CHILD"
	confined      = "confined" // its value once confine has started the child over
	lifelineFD    = 3
	reportFD      = 4
)

// orphanTime is how long an orphaned child may take to close before it ends itself the hard way.
const orphanTime = 2*drainTimeout + 5*time.Second

// report is what the child tells: the URL it serves, or why it can't.
type report struct {
	URL   string `json:"url,omitempty"`
	Error string `json:"error,omitempty"`
	Kind  string `json:"kind,omitempty"`
}

// parent is the child's end of the pipes; the zero value is a process that Start didn't make.
type parent struct{ out *os.File }

// isChild tells whether Start made this process.
func isChild() bool { return os.Getenv(childVariable) != "" }

// joinParent returns a context that also ends with the parent.
func joinParent(ctx context.Context) (context.Context, *parent) {
	if !isChild() {
		return ctx, &parent{}
	}
	os.Unsetenv(childVariable)
	ctx, cancel := context.WithCancel(ctx)
	lifeline := os.NewFile(lifelineFD, "lifeline")
	go func() {
		lifeline.Read(make([]byte, 1)) // whatever it returns, the parent is gone
		time.AfterFunc(orphanTime, func() { os.Exit(1) })
		cancel()
	}()
	return ctx, &parent{os.NewFile(reportFD, "report")}
}

func (p *parent) ready(url string) error { return p.tell(report{URL: url}) }

// failed is of use only before ready; a parent that is gone needs no report.
func (p *parent) failed(err error) { _ = p.tell(report{Error: err.Error(), Kind: kindOf(err)}) }

func (p *parent) tell(r report) error {
	if p.out == nil {
		return nil
	}
	out := p.out
	p.out = nil
	err := json.NewEncoder(out).Encode(r)
	if e := out.Close(); err == nil {
		err = e
	}
	return err
}
