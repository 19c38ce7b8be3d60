package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/pipelines"
)

// TestDiskFull fills the disk of the record-signer's checkpoints in mid-stream. It stops and says why and how to mend it, also
// when it is started again; with room again it goes on, and the ledger is the one that was begun.
func TestDiskFull(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs the whole pipeline")
	}
	dir := filepath.Join(t.TempDir(), "checkpoints")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	fill, free, why := smallDisk(t, dir)
	p := harness.Start(t, harness.Embedded, harness.Options{EventClock: true, Without: []string{pipelines.RecordSigner}})
	signer := p.Add(pipelines.RecordSigner, "--checkpoint-dir", dir)
	signer.Ready()
	p.Casetrail("replay", "--conversations", "12")
	harness.Eventually(t, "a checkpoint is kept", patience, func() bool {
		kept, _ := filepath.Glob(filepath.Join(dir, "*.checkpoint"))
		return len(kept) > 0
	})

	signer.Pause()
	fill()
	signer.Resume()
	p.Casetrail("replay", "--conversations", "12")
	stopped := func(from int) {
		t.Helper()
		if code := signer.Wait(patience); code == 0 {
			t.Error("it ended as if all were well")
		}
		for _, text := range []string{why, dir, ".checkpoint", "start the signer again"} {
			if said := signer.Log()[from:]; !strings.Contains(said, text) {
				t.Errorf("it does not say %q:\n%s", text, said)
			}
		}
	}
	stopped(0)
	before := len(signer.Log())
	signer.Start()
	stopped(before)

	free()
	if left, _ := filepath.Glob(filepath.Join(dir, ".checkpoint-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	signer.Start()
	signer.Ready()
	proven(t, p, 24)
}

// smallDisk makes a directory one that can be filled and freed; why is what the system says of a full one. Where no file
// system may be mounted, directories take the files' places instead.
func smallDisk(t *testing.T, dir string) (fill, free func(), why string) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "casetrail-test", dir).CombinedOutput()
	if err != nil {
		t.Logf("may not mount a small file system, so directories take the files' places instead: %v: %s", err, out)
		var files []string
		return func() {
				files, err = filepath.Glob(filepath.Join(dir, "*.checkpoint"))
				check(err)
				for _, f := range files {
					check(os.Rename(f, f+".away"))
					check(os.Mkdir(f, 0o700))
				}
			}, func() {
				for _, f := range files {
					check(os.Remove(f))
					check(os.Rename(f+".away", f))
				}
			}, "is a directory"
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	full := filepath.Join(dir, "fill")
	return func() {
		f, err := os.Create(full)
		check(err)
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		check(f.Close())
	}, func() { check(os.Remove(full)) }, "no space left on device"
}
