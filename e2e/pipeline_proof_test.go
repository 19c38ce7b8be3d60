package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/casetrail/casetrail/cli/corpus"
	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/pipelines"
)

// TestPipelineProof is the proof: conversations flow through the whole, each service is killed once in mid-stream, and
// at the end every case is in ClickHouse once and every invariant holds, by topics and ClickHouse alone.
func TestPipelineProof(t *testing.T) {
	onBothStacks(t, func(t *testing.T, kind harness.Kind) {
		p := harness.Start(t, kind, harness.Options{EventClock: true})
		played := 0
		if kind == harness.Embedded { // one world a stack: twice as many would take twice as long, and show the same
			if t.Run("shipped", func(t *testing.T) {
				played += playAndKill(t, p.In(t), 500, 500*8, "--conversations", "500")
				proven(t, p.In(t), played)
			}) {
				t.Run("again", func(t *testing.T) { again(t, p.In(t)) })
			}
			return
		}
		for _, file := range []string{"conversations_star.jsonl", "conversations_multidogo.jsonl"} {
			t.Run(strings.TrimSuffix(file, ".jsonl"), func(t *testing.T) {
				path := testdata(t, file)
				conversations, messages := count(t, path)
				played += playAndKill(t, p.In(t), conversations, messages, path)
				proven(t, p.In(t), played)
			})
		}
		t.Run("again", func(t *testing.T) { again(t, p.In(t)) })
	})
}

// playAndKill plays conversations, and kills and restarts one service after the other on the way. It returns how many
// conversations were played.
func playAndKill(t *testing.T, p *harness.Pipeline, conversations, messages int, args ...string) int {
	t.Helper()
	from, began := p.End(pipelines.ChatEvents), time.Now()
	replay := p.Background(t, append([]string{"replay", "--speed", "500"}, args...)...)
	for i, name := range harness.Services {
		passes(t, p, pipelines.ChatEvents, from+int64((i+1)*messages/(len(harness.Services)+1)))
		replay.Pause() // so that the last service, too, dies in mid-stream, however slow the machine is
		if !replay.Running() {
			t.Fatalf("the replay ended before %s was killed:\n%s", name, replay.Log())
		}
		s := p.Service(name, 0)
		s.Kill()
		s.Start() // and on: the next one dies before this one is ready
		replay.Resume()
	}
	for _, name := range harness.Services {
		p.Service(name, 0).Ready()
	}
	if code := replay.Wait(5 * time.Minute); code != 0 {
		t.Fatalf("replay: exit code %d\n%s", code, replay.Log())
	}
	if want := fmt.Sprintf("played %d conversations,", conversations); !strings.Contains(replay.Log(), want) {
		t.Fatalf("not %q in:\n%s", want, replay.Log())
	}
	t.Logf("%d conversations, %d messages on chat.events, 5 kills in %v", conversations, p.End(pipelines.ChatEvents)-from, time.Since(began).Round(time.Second))
	return conversations
}

// proven waits until ClickHouse has everything, and checks all of it.
func proven(t *testing.T, p *harness.Pipeline, cases int) {
	t.Helper()
	began := time.Now()
	db := p.Database(t)
	p.Settle(db)
	settled := time.Since(began)
	if n := p.Count(db, "SELECT count() FROM cases"); n != uint64(cases) {
		t.Errorf("%d cases in ClickHouse, %d conversations were played", n, cases)
	}
	out := p.Verify()
	t.Logf("complete after %v, verified after %v\n%s", settled.Round(time.Second), time.Since(began).Round(time.Second), out)
	once(t, p)
}

// count gives the conversations in which a customer says something, and the messages of all.
func count(t *testing.T, path string) (conversations, messages int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := corpus.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		messages += len(c.Messages)
		for _, m := range c.Messages {
			if m.Sender == corpus.Customer {
				conversations++
				break
			}
		}
	}
	return conversations, messages
}
