package registry_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const apicurioVersion = "3.0.9"

// TestApicurio runs the suite on a registry that is not ours, so that it is the API that is tested and not our idea of it.
func TestApicurio(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: Apicurio takes half a minute to start")
	}
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is missing, and CI must run this: install Java 17 and Maven", tool)
			}
			t.Skipf("SKIPPED, so the suite ran on our own registry only: %s is missing; install Java 17 and Maven", tool)
		}
	}
	jar, err := apicurioJar(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	url, stop := startApicurio(t, jar, data)
	g := &target{url: url}
	g.restart = func() string {
		stop()
		url, stop = startApicurio(t, jar, data)
		return url
	}
	t.Cleanup(func() { stop() })
	suite(t, g)
}

// apicurioJar finds the program in the cache, or has Maven fetch it.
func apicurioJar(ctx context.Context) (string, error) {
	cache := os.Getenv("CASETRAIL_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		cache = filepath.Join(user, "casetrail")
	}
	home := filepath.Join(cache, "apicurio-"+apicurioVersion)
	jar := filepath.Join(home, "apicurio-registry-app-"+apicurioVersion+"-runner.jar")
	if _, err := os.Stat(jar); err == nil {
		return jar, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(cache, "apicurio-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	out, err := exec.CommandContext(ctx, "mvn", "-B", "-q", "dependency:copy", "-DoutputDirectory="+tmp,
		"-Dartifact=io.apicurio:apicurio-registry-app:"+apicurioVersion+":tar.gz:all").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("mvn: %w\n%s", err, out)
	}
	unpacked := filepath.Join(tmp, "unpacked")
	if err := untar(filepath.Join(tmp, "apicurio-registry-app-"+apicurioVersion+"-all.tar.gz"), unpacked); err != nil {
		return "", err
	}
	return jar, os.Rename(unpacked, home)
}

func untar(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(mustDir(dir))
	if err != nil {
		return err
	}
	defer root.Close()
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := root.MkdirAll(filepath.Dir(h.Name), 0o755); err != nil {
			return err
		}
		w, err := root.Create(h.Name)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, tr)
		if err := errors.Join(err, w.Close()); err != nil {
			return err
		}
	}
}

func mustDir(dir string) string {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		panic(err)
	}
	return dir
}

// startApicurio runs it on a data directory until stop is called.
func startApicurio(t *testing.T, jar, data string) (url string, stop func()) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	_ = ln.Close()
	log, err := os.Create(filepath.Join(data, "registry.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		"-Dquarkus.http.host=127.0.0.1", "-Dquarkus.http.port="+port, "-Dquarkus.management.enabled=false",
		"-Dapicurio.storage.kind=sql", "-Dapicurio.storage.sql.kind=h2",
		"-Dapicurio.datasource.url=jdbc:h2:file:"+filepath.Join(data, "registry"), "-jar", jar)
	cmd.Dir, cmd.Stdout, cmd.Stderr = data, log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-exited:
		case <-time.After(15 * time.Second):
			_ = cmd.Process.Kill()
			<-exited
		}
		_ = log.Close()
	}
	url = "http://127.0.0.1:" + port + "/apis/ccompat/v7"
	poll, deadline := time.NewTicker(100*time.Millisecond), time.After(2*time.Minute)
	defer poll.Stop()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	for {
		if resp, err := client.Get(url + "/subjects"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return url, stop
			}
		}
		select {
		case <-poll.C:
		case <-exited:
		case <-deadline:
			stop()
		}
		select {
		case <-exited:
			tail, _ := os.ReadFile(log.Name())
			t.Fatalf("Apicurio did not start:\n%s", strings.TrimSpace(string(tail[max(0, len(tail)-2000):])))
		default:
		}
	}
}
