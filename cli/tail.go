package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

type tailCommand struct {
	cluster `embed:""`
	What    string `arg:"" enum:"escalations,alerts,rejects,metrics,checkpoints,work" help:"What to follow: ${enum}."`
	JSON    bool   `help:"One JSON object a line."`
	Begin   bool   `name:"from-beginning" help:"Print also what is there already."`
}

var tailed = map[string][]string{
	"escalations": {pipelines.CaseEscalations}, "alerts": {pipelines.ConductAlerts}, "rejects": {pipelines.ChatRejects},
	"metrics": {pipelines.ConductMetrics}, "checkpoints": {pipelines.ConductCheckpoints}, "work": {pipelines.WorkAI, pipelines.WorkHuman},
}

// Run prints messages until it is interrupted.
func (c *tailCommand) Run(ctx context.Context) error {
	client, codec, err := c.connect(ctx, "")
	if err != nil {
		return err
	}
	defer client.Close()
	from := map[stage.TopicPartition]int64{}
	if c.Begin {
		for _, topic := range tailed[c.What] {
			bounds, err := client.Offsets(ctx, topic)
			if err != nil {
				return err
			}
			for p, b := range bounds {
				from[stage.TopicPartition{Topic: topic, Partition: p}] = b.First
			}
		}
	}
	out := json.NewEncoder(os.Stdout)
	err = client.Tail(ctx, tailed[c.What], from, nil, func(r stage.Record) error {
		if err := codec.Await(ctx, r.Value); err != nil {
			return err
		}
		m, err := codec.Decode(r.Value)
		if err != nil {
			return fmt.Errorf("%s/%d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		if c.JSON {
			return out.Encode(fields(m))
		}
		_, err = fmt.Println(line(m))
		return err
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05Z") }

// line is a message for people.
func line(m schemas.Message) string {
	switch m := m.(type) {
	case *schemas.Escalation:
		return fmt.Sprintf("%s  %-18s  %-22s  case %s  from %s, the customer in it for %v: %s%s", clock(m.EscalatedAt), m.Signal, m.CaseType, m.CaseID,
			m.FromHandler, (time.Duration(m.WaitingMS) * time.Millisecond).Round(time.Second), m.Evidence, synthetic(m.Synthetic))
	case *schemas.SegmentAlert:
		if m.Episode.Set {
			return fmt.Sprintf("%s  %-12s  %-7s  %s", clock(m.Episode.Value.At), m.Alert, m.Episode.Value.State, m.Summary)
		}
		return fmt.Sprintf("%s  %-12s  %s", clock(m.RaisedAt), m.Alert, m.Summary)
	case *schemas.ChatReject:
		return fmt.Sprintf("%s  %s  %s/%d offset %d: %s", clock(m.RejectedAt), m.Reason, m.Topic, m.Partition, m.Offset, m.Detail)
	case *schemas.Checkpoint:
		return fmt.Sprintf("%s  %s  %d records  root %x", clock(m.Time), m.Ledger, m.Size, m.Root)
	case *schemas.WorkItem:
		signals := make([]string, len(m.Signals))
		for i, s := range m.Signals {
			signals[i] = s.String()
		}
		return fmt.Sprintf("%s  %-5s  %-8s  %-22s  case %s  %s %s%s%s", clock(m.AssignedAt), m.Handler, m.Work, m.CaseType, m.CaseID, m.Reason,
			strings.Join(signals, ","), why(m), synthetic(m.Synthetic))
	case *schemas.MetricRecord:
		for _, s := range m.Segments {
			if s.CaseType == "all" && s.Handler == "all" {
				return fmt.Sprintf("%s  %-3s  %d cases, %d ratings, %d complaints in %d segments", clock(m.End), m.Window, s.Cases, s.Ratings, s.Complaints, len(m.Segments))
			}
		}
	}
	return fmt.Sprintf("%+v", m)
}

// why is what decided about the case's type, where this piece of work says so.
func why(m *schemas.WorkItem) string {
	if !m.AIProbability.Set {
		return ""
	}
	out := fmt.Sprintf("(%.2f an AI's type", m.AIProbability.Value)
	for i, text := range m.Because {
		out += fmt.Sprintf("%s%q", map[bool]string{true: "; because of ", false: ", "}[i == 0], text)
	}
	return out + ")"
}

func synthetic(yes bool) string {
	if yes {
		return " (synthetic)"
	}
	return ""
}
