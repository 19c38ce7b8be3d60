package clickhouse

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// meter shows how much of something is done: a bar on a terminal, one line anywhere else.
type meter struct {
	bar   *progressbar.ProgressBar // nil where there is no terminal
	total int64
}

func newMeter(w io.Writer, what string, total int64) (*meter, error) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		_, err := fmt.Fprintf(w, "%s (%d MB)\n", what, total/1e6)
		return &meter{total: total}, err
	}
	bar := progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true), progressbar.OptionFullWidth(),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	return &meter{bar, total}, nil
}

// Write counts the bytes and drops them. A bar that can't be drawn is no reason to stop.
func (m *meter) Write(p []byte) (int, error) {
	if m.bar != nil {
		_ = m.bar.Add(len(p))
	}
	return len(p), nil
}

// follow shows what size returns, again and again, until the function it returns is called. It never shows the
// end: that is finish's to say.
func (m *meter) follow(size func() int64) (stop func()) {
	if m.bar == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(200 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				_ = m.bar.Set64(min(size(), m.total-1))
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (m *meter) finish() error {
	if m.bar == nil {
		return nil
	}
	return m.bar.Finish()
}
