package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/guard"
)

// partitions are case.events, in memory.
type partitions [][]stage.Record

func (p partitions) Partitions(context.Context, string) (int32, error) { return int32(len(p)), nil }

func (p partitions) Read(_ context.Context, tp stage.TopicPartition, fn func(stage.Record) error) (int64, error) {
	for _, r := range p[tp.Partition] {
		if err := fn(r); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func TestCorrectionsComeBackAsLabels(t *testing.T) {
	codec := schemas.NewOfflineCodec(pipelines.Subjects(pipelines.Router)...)
	log := make(partitions, 2)
	put := func(p int, m schemas.Message) {
		log[p] = append(log[p], stage.Record{Stage: pipelines.Intake, Value: codec.Append(nil, pipelines.CaseEvents, m)})
	}
	says := func(p int, id, text string, bare bool) {
		put(p, &schemas.CaseEvent{CaseID: id, EventID: text, Sender: schemas.SenderCustomer, Text: schemas.Some(text), Bare: bare})
	}
	corrected := func(p int, id, to string) {
		put(p, &schemas.CaseEvent{CaseID: id, Kind: schemas.EventKindCaseTypeCorrected, Sender: schemas.SenderHuman, CaseType: schemas.Some(to)})
	}
	put(0, &schemas.Tick{Time: 1, Sources: 1})
	says(0, "a", "hello", true)
	says(0, "b", "never corrected", false)
	says(0, "a", "my \"card\",\nwas charged twice", false)
	says(0, "a", "are you there?", true)
	put(0, &schemas.CaseEvent{CaseID: "a", Sender: schemas.SenderAI, Text: schemas.Some("hello")})
	corrected(0, "a", "refund_status")
	corrected(0, "a", "dispute") // the last word counts
	corrected(0, "gone", "dispute")
	says(1, "c", "hi", true)
	corrected(1, "c", "unknown")
	var out bytes.Buffer
	n, err := writeLabels(t.Context(), log, codec, &out)
	const want = "text,case_type\n\"my \"\"card\"\",\nwas charged twice\",dispute\nhi,unknown\n"
	if err != nil || n != 2 || out.String() != want {
		t.Errorf("%d, %v:\n%s", n, err, out.String())
	}
	log[1] = append(log[1], stage.Record{Stage: pipelines.Intake, Value: log[1][0].Value[:8]})
	if _, err := writeLabels(t.Context(), log, codec, &out); err == nil || !strings.Contains(fmt.Sprint(err), "case.events/1") {
		t.Errorf("a broken message: %v", err)
	}
}

func TestAThresholdOfAnotherClassifierIsWarnedOf(t *testing.T) {
	for doc, says := range map[string]string{
		"classification: {classifier: c-1}": "",
		"classification: {classifier: c-2}": "reckoned for classifier c-2, and the one built in is c-1",
		"":                                  "",
	} {
		p, err := guard.Parse([]byte("version: a\nworkflow: w\nidle_close: 1h\nroutes: {ai_handles: [refund_status]}\n" + doc))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(warnings(p, "c-1"), "\n"); (got == "") != (says == "") || !strings.Contains(got, says) {
			t.Errorf("%q: %s", doc, got)
		}
	}
	p, _ := guard.Parse([]byte("version: a\nworkflow: w\nidle_close: 1h\nroutes: {ai_handles: [dispute]}"))
	if got := warnings(p, "c-1"); len(got) != 1 || !strings.Contains(got[0], "dispute") {
		t.Errorf("%q", got)
	}
}
