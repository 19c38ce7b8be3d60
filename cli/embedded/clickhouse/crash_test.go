package clickhouse

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	client "github.com/ClickHouse/clickhouse-go/v2"
)

// Killed at any moment, the engine has every batch it acknowledged, and a batch sent again with its token counts once.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	p := mustStart(t, dir)
	exec1(t, p, sampleTable,
		"CREATE TABLE sums (n AggregateFunction(count)) ENGINE = AggregatingMergeTree ORDER BY tuple()",
		"CREATE MATERIALIZED VIEW to_sums TO sums AS SELECT countState() AS n FROM samples")
	next := 0
	for round := range 3 {
		c := connect(t, p, client.CompressionLZ4)
		var sent atomic.Int64
		failed := make(chan struct{})
		go func() {
			defer close(failed)
			for i := next; ; i++ {
				if insert(withToken(fmt.Sprint("batch", i)), c, samples(i*100, 100)) != nil {
					return
				}
				sent.Add(1)
			}
		}()
		until(t, "batches are acknowledged", func() bool { return sent.Load() > int64(10+7*round) })
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-failed
		<-p.Done()
		next += int(sent.Load())
		p = mustStart(t, dir)
		// The batch in flight may be there or not, or torn between table and view; sent again it is there once.
		c = connect(t, p, client.CompressionLZ4)
		if err := insert(withToken(fmt.Sprint("batch", next)), c, samples(next*100, 100)); err != nil {
			t.Fatal(err)
		}
		next++
		n := fmt.Sprint(next * 100)
		want(t, p, n+"\t"+n+"\t"+n+"\n", "SELECT count(), uniqExact(id), (SELECT countMerge(n) FROM sums) FROM samples")
	}
}

func TestInUse(t *testing.T) {
	dir := t.TempDir()
	p := mustStart(t, dir)
	_, err := start(t, dir, "127.0.0.1:0")
	if !errors.Is(err, ErrDirInUse) || !strings.Contains(err.Error(), fmt.Sprint("process ", p.Pid())) {
		t.Error("the same directory:", err)
	}
	_, err = start(t, t.TempDir(), strings.TrimPrefix(p.URL(), "http://"))
	if !errors.Is(err, ErrAddrInUse) {
		t.Error("the same port:", err)
	}
	want(t, p, "1\n", "SELECT 1")
}

func TestWontStart(t *testing.T) {
	t.Run("corrupt", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "metadata"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "metadata", "default.sql"), []byte("\x00nonsense"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := start(t, dir, "127.0.0.1:0")
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), dir) {
			t.Error(err)
		}
		t.Log(err)
	})
	t.Run("beyond loopback", func(t *testing.T) {
		for _, addr := range []string{"0.0.0.0:0", ":0"} {
			if _, err := start(t, t.TempDir(), addr); err == nil || !strings.Contains(err.Error(), "loopback") {
				t.Error(addr, err)
			}
		}
	})
	t.Run("no library", func(t *testing.T) {
		needLibrary(t)
		if err := Serve(t.Context(), Options{Lib: filepath.Join(t.TempDir(), "none.so"), DataDir: t.TempDir(), Addr: "127.0.0.1:0"}); err == nil {
			t.Error("no error")
		}
	})
	t.Run("another program", func(t *testing.T) {
		_, err := Start(t.Context(), StartOptions{Command: []string{"sh", "-c", "echo last words >&2; exit 7"}, DataDir: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), "last words") || !strings.Contains(err.Error(), "exit status 7") {
			t.Error(err)
		}
	})
}

// The child goes with its parent even when that is killed.
func TestParentDies(t *testing.T) {
	lib := needLibrary(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(exe, t.TempDir())
	parent.Env = append(os.Environ(), roleVariable+"=parent", libVariable+"="+lib)
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var url string
	var pid int
	if _, err := fmt.Sscan(line, &url, &pid); err != nil {
		t.Fatal(line, err)
	}
	resp, err := http.Get(url + "/ping")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := parent.Wait(); err == nil {
		t.Error("the parent wasn't killed")
	}
	until(t, "the child is gone", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
}

// Where the kernel doesn't help, the pipe does: its end closes the engine cleanly.
func TestLifeline(t *testing.T) {
	p := mustStart(t, t.TempDir())
	if err := p.life.Close(); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if s := p.cmd.ProcessState; !s.Success() {
		t.Error(s)
	}
}
