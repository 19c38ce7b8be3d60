package e2e

import (
	"testing"
	"time"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/pipelines"
)

// TestPipelineReplicas lets two replicas of router and record-signer share the partitions, and freezes one of each beyond
// the session time-out while load goes on: when it wakes up it is a zombie that believes it has what is another's now.
func TestPipelineReplicas(t *testing.T) {
	onBothStacks(t, func(t *testing.T, kind harness.Kind) {
		stages := []string{pipelines.Router, pipelines.RecordSigner}
		p := harness.Start(t, kind, harness.Options{EventClock: true, Replicas: map[string]int{stages[0]: 2, stages[1]: 2}})
		for _, name := range stages {
			harness.Eventually(t, "two replicas share the partitions of "+name, patience, func() bool {
				return partitions(p, name, 0) == 2 && partitions(p, name, 1) == 2
			})
		}
		const conversations = 400
		replay := p.Background(t, "replay", "--conversations", "400", "--speed", "150") // half a minute of load
		for i, name := range stages {
			passes(t, p, pipelines.ChatEvents, int64((i+1)*conversations))
			zombie := p.Service(name, 0)
			zombie.Pause()
			harness.Eventually(t, "the other replica of "+name+" takes over", patience, func() bool { return partitions(p, name, 1) == 4 })
			before := p.End(output[name])
			passes(t, p, output[name], before+20)
			if !replay.Running() {
				t.Error("the load ended before the zombie woke up: nothing is shown")
			}
			zombie.Resume()
			harness.Eventually(t, "the zombie of "+name+" shares again", patience, func() bool {
				return partitions(p, name, 0) == 2 && partitions(p, name, 1) == 2
			})
		}
		if code := replay.Wait(5 * time.Minute); code != 0 {
			t.Fatalf("replay: exit code %d\n%s", code, replay.Log())
		}
		proven(t, p, conversations)
	})
}

// output is a topic that a stage writes often.
var output = map[string]string{pipelines.Router: pipelines.WorkHuman, pipelines.RecordSigner: pipelines.ConductRecords}

func partitions(p *harness.Pipeline, name string, replica int) int {
	return p.Service(name, replica).Partitions(name)
}
