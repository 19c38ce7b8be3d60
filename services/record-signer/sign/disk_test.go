package sign

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
	"github.com/casetrail/casetrail/record"
)

var diskSeed = flag.Uint64("disk-seed", 1, "the seed of where the disk fails and which bits it flips")

// files is a Files store over a directory, as a process makes it at its start.
func files(t *testing.T, dir string) *Files {
	t.Helper()
	f, err := NewFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// stops runs a signer, which must end with an error that says all of these.
func stops(t *testing.T, l *memory.Log, store Store, says ...string) {
	t.Helper()
	s, err := memory.Start(l, definition(t, store), 0)
	if err == nil {
		err = s.Drain(4)
	}
	complains(t, err, says...)
}

func complains(t *testing.T, err error, says ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("it went on")
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Fatalf("it does not say %q: %v", text, err)
		}
	}
}

// tidy fails the test where a temporary file is left.
func tidy(t *testing.T, dir string) {
	t.Helper()
	if left, err := filepath.Glob(filepath.Join(dir, temporary+"*")); err != nil || len(left) > 0 {
		t.Fatalf("left behind: %v, %v", left, err)
	}
}

// A kept checkpoint that is torn, empty or changed by any byte is not taken for none: the signer stops, names the file,
// and writes nothing, whether Kafka has the ledger or has lost it. Put back or, with the ledger whole, removed, it goes on.
func TestTornCheckpoint(t *testing.T) {
	whole := history(t, 36)
	dir := t.TempDir()
	store := files(t, dir)
	drain(t, whole, store, 4)
	drain(t, whole, store, 4) // keeps what the last step issued
	want := allOutputs(whole)
	newest, err := store.Newest(prefix + "/0")
	if err != nil || newest != prefix+"/0/2" {
		t.Fatalf("%q is the newest that is kept, %v", newest, err)
	}
	file := store.Path(newest)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	published, err := record.OpenCheckpoint(good, bothKeys(t)...)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(*diskSeed, 19))
	var torn [][]byte
	for n := range good {
		flipped := bytes.Clone(good)
		flipped[n] ^= byte(1 + r.IntN(255))
		torn = append(torn, good[:n:n], flipped)
	}
	torn = append(torn, append(bytes.Clone(good), 'x'), bytes.Repeat(good, 1+record.MaxBody/len(good)), bytes.Repeat([]byte{0}, len(good)))
	refused := 0
	for i, text := range torn {
		// The unused bits at the end of base64 mean nothing: the note is the same.
		if cp, err := record.OpenCheckpoint(text, bothKeys(t)...); err == nil {
			if cp.Size != published.Size || cp.Root != published.Root {
				t.Fatalf("%q opens", text)
			}
			continue
		}
		refused++
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		lost := memory.New(1) // and other input: the beginning of a second story
		lost.Append(input(conclusion("somebody else"), 10, 0), input(at(1770000000000), 11, 0))
		stops(t, lost, files(t, dir), file, "put it back from a backup")
		if n := len(outputs(lost, pipelines.ConductRecords)) + len(outputs(lost, pipelines.ConductCheckpoints)); n > 0 {
			t.Fatalf("%q: %d outputs of another ledger", text, n)
		}
		stops(t, whole, files(t, dir), file, "put it back from a backup")
		if got := allOutputs(whole); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: the outputs differ", text)
		}
		if kept, err := os.ReadFile(file); err != nil || !bytes.Equal(kept, text) {
			t.Fatalf("%q was replaced by %q, %v", text, kept, err)
		}
		if i%40 > 0 {
			continue
		}
		mended := os.Remove(file)
		if i%80 == 0 {
			mended = os.WriteFile(file, good, 0o600)
		}
		if mended != nil {
			t.Fatal(mended)
		}
		drain(t, whole, files(t, dir), 4)
		if kept, err := os.ReadFile(file); err != nil || !bytes.Equal(kept, good) {
			t.Fatalf("kept after it was mended: %q, %v", kept, err)
		}
		if got := allOutputs(whole); !reflect.DeepEqual(got, want) {
			t.Fatal("mended: the outputs differ")
		}
	}
	if refused < 2*len(good)-2 {
		t.Errorf("only %d of %d were refused", refused, len(torn))
	}
	t.Logf("%d torn checkpoints refused", refused)
}

// What a process left that died while it wrote is removed at the next start, and costs a living one no more than a
// second try.
func TestLeftoverTemporary(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{temporary + "1", temporary + "22"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half a checkp"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	whole, l := history(t, 30), history(t, 30)
	drain(t, whole, newStore(), 4)
	store := files(t, dir)
	tidy(t, dir)
	var others sync.WaitGroup
	done := make(chan struct{})
	others.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if _, err := NewFiles(dir); err != nil { // another process starts
					t.Error(err)
					return
				}
			}
		}
	})
	drain(t, l, store, 4)
	close(done)
	others.Wait()
	if !reflect.DeepEqual(allOutputs(l), allOutputs(whole)) {
		t.Fatal("the outputs differ")
	}
}

// disk is a way in which a directory fails, and back.
type disk struct {
	name        string
	small       bool // needs a file system of its own
	fails, mend func(t *testing.T, dir, file string)
	says        string
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, argv ...string) {
	t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", argv, err, out)
	}
}

var disks = []disk{
	{"full", true, func(t *testing.T, dir, _ string) {
		fill, err := os.Create(filepath.Join(dir, "fill"))
		must(t, err)
		for err == nil {
			_, err = fill.Write(make([]byte, 4096))
		}
		must(t, fill.Close())
	}, func(t *testing.T, dir, _ string) { must(t, os.Remove(filepath.Join(dir, "fill"))) }, "no space left on device"},
	{"read-only", true,
		func(t *testing.T, dir, _ string) { run(t, "mount", "-o", "remount,ro", dir) },
		func(t *testing.T, dir, _ string) { run(t, "mount", "-o", "remount,rw", dir) }, "read-only file system"},
	{"a file in the directory's place", false, func(t *testing.T, dir, _ string) {
		must(t, os.Rename(dir, dir+".away"))
		must(t, os.WriteFile(dir, nil, 0o600))
	}, func(t *testing.T, dir, _ string) {
		must(t, os.Remove(dir))
		must(t, os.Rename(dir+".away", dir))
	}, "not a directory"},
	{"a directory in the file's place", false, func(t *testing.T, _, file string) {
		if err := os.Rename(file, file+".away"); !os.IsNotExist(err) {
			must(t, err)
		}
		must(t, os.Mkdir(file, 0o700))
	}, func(t *testing.T, _, file string) {
		must(t, os.Remove(file))
		if err := os.Rename(file+".away", file); !os.IsNotExist(err) {
			must(t, err)
		}
	}, "is a directory"},
}

// A disk that fails at any step stops the signer with an error that names the file and how to mend it, also when it is
// started again; what stands in the log by then is what stands there without faults, and the rest comes when it is mended.
func TestDiskFails(t *testing.T) {
	whole := day(t, 60, false)
	drain(t, whole, newStore(), 4)
	want := allOutputs(whole)
	r := rand.New(rand.NewPCG(*diskSeed, 20))
	for _, d := range disks {
		t.Run(d.name, func(t *testing.T) {
			for range 12 {
				dir := filepath.Join(t.TempDir(), "checkpoints")
				must(t, os.Mkdir(dir, 0o700))
				if d.small {
					if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "casetrail-test", dir).CombinedOutput(); err != nil {
						if os.Getenv("CI") == "true" {
							t.Fatalf("no file system may be mounted here, which the test of a full disk needs: %v: %s", err, out)
						}
						t.Logf("NOT TESTED on a file system of its own, which may not be mounted here; the others are: %v: %s", err, out)
						return
					}
					t.Cleanup(func() { run(t, "umount", dir) })
				}
				diskFails(t, d, dir, copyInput(whole), r.IntN(20), want)
			}
		})
	}
}

func diskFails(t *testing.T, d disk, dir string, l *memory.Log, after int, want map[string][]string) {
	t.Helper()
	store := files(t, dir)
	file := store.Path(Ledger(prefix, 0))
	s, err := memory.Start(l, definition(t, store), 0)
	must(t, err)
	for range after {
		_, err := s.Step(4, memory.Cut{})
		must(t, err)
	}
	d.fails(t, dir, file)
	says := []string{file, d.says, "start the signer again"}
	complains(t, s.Drain(4), says...)
	same(t, l, want)
	before := len(l.Records(pipelines.ConductRecords, 0))
	stops(t, l, store, says...)
	if n := len(l.Records(pipelines.ConductRecords, 0)); n > before {
		t.Fatalf("started again on a disk that fails, it wrote %d records", n-before)
	}
	d.mend(t, dir, file)
	tidy(t, dir)
	drain(t, l, files(t, dir), 5)
	if !reflect.DeepEqual(allOutputs(l), want) {
		t.Fatalf("after step %d: mended, the outputs differ", after)
	}
	audit(t, l)
}

// same fails the test where an output is not what it is without faults.
func same(t *testing.T, l *memory.Log, want map[string][]string) {
	t.Helper()
	for topic, got := range allOutputs(l) {
		if len(got) > len(want[topic]) || len(got) > 0 && !reflect.DeepEqual(got, want[topic][:len(got)]) {
			t.Fatalf("%s: the outputs differ", topic)
		}
	}
}
