// Package pipelines is what every service stands on: the topology (which topics there are, what they hold, who writes
// and reads them), and beneath it the stage loop, the Kafka adapters and the process shell.
package pipelines

import (
	"slices"

	"github.com/casetrail/casetrail/schemas"
)

// The topics. Their names are part of the interface to producers, alert consumers and analysts.
const (
	ChatEvents         = "chat.events"
	ChatRejects        = "chat.rejects"
	CaseEvents         = "case.events"
	CaseStates         = "case.state"
	WorkAI             = "work.ai"
	WorkHuman          = "work.human"
	CaseEscalations    = "case.escalations"
	CaseConclusions    = "case.conclusions"
	ConductRecords     = "conduct.records"
	ConductCheckpoints = "conduct.checkpoints"
	ConductManifest    = "conduct.manifest"
	ConductMetrics     = "conduct.metrics"
	ConductAlerts      = "conduct.alerts"
)

// The stages, and the parties outside that write or read topics.
const (
	Intake       = "intake"
	Router       = "router"
	RecordSigner = "record-signer"
	Manifest     = "record-signer-manifest" // the record-signer's second stage
	Aggregator   = "aggregator"
	Sink         = "clickhouse-sink"
	Delivery     = "alert-delivery"
	Producers    = "producers"
	Operators    = "operators"
	Bots         = "bots"
	Desks        = "desks"
	Alerting     = "alert consumers"
	Auditors     = "auditors"
)

// Topic is one row of the topology.
type Topic struct {
	Name    string
	Key     string   // what the message key is
	Holds   string   // what it is for, in a few words
	Single  bool     // one partition, whatever the deployment's partition count
	Records []string // Avro records that it carries, full names
	Writers []string
	Readers []string
	Config  map[string]string // Kafka's topic configuration
}

const (
	week    = "604800000"
	forever = "-1"
	// maxState is how large one step's changelog batch may be: it is written whole or not at all.
	maxState = "33554432"
	maxEvent = "1048588"
)

// Topology is every topic of Casetrail. Topics, their configuration, schema subjects and access rights are made from it.
func Topology() []Topic {
	return []Topic{
		{Name: ChatEvents, Key: "case_id", Holds: "chat events as producers publish them, policies, and orders to the ledgers",
			Records: []string{"casetrail.ChatEvent", "casetrail.PolicyChange", "casetrail.LedgerOrder"},
			Writers: []string{Producers, Operators, Intake}, Readers: []string{Intake},
			Config: map[string]string{"cleanup.policy": "delete", "retention.ms": week, "message.timestamp.type": "LogAppendTime", "max.message.bytes": maxEvent}},
		{Name: ChatRejects, Key: "as it came", Holds: "what could not be taken, where it stood and why",
			Records: []string{"casetrail.ChatReject"}, Writers: []string{Intake, Router, RecordSigner}, Readers: []string{Producers, Operators},
			Config: map[string]string{"cleanup.policy": "delete", "retention.ms": "2592000000"}},
		{Name: CaseEvents, Key: "case_id", Holds: "validated events with intake's findings; ticks; policies; orders",
			Records: []string{"casetrail.CaseEvent", "casetrail.Tick", "casetrail.PolicyChange", "casetrail.LedgerOrder"},
			Writers: []string{Intake}, Readers: []string{Router, Auditors},
			Config: map[string]string{"cleanup.policy": "delete", "retention.ms": week}},
		{Name: CaseStates, Key: "case_id", Holds: "the router's state, its own changelog",
			Records: []string{"casetrail.CaseState", "casetrail.RouterState"}, Writers: []string{Router}, Readers: []string{Router},
			Config: map[string]string{"cleanup.policy": "compact", "retention.ms": forever, "max.message.bytes": maxState}},
		{Name: WorkAI, Key: "case_id", Holds: "work for bots", Records: []string{"casetrail.WorkItem"},
			Writers: []string{Router}, Readers: []string{Bots}, Config: map[string]string{"cleanup.policy": "delete", "retention.ms": week}},
		{Name: WorkHuman, Key: "case_id", Holds: "work for human desks", Records: []string{"casetrail.WorkItem"},
			Writers: []string{Router}, Readers: []string{Desks}, Config: map[string]string{"cleanup.policy": "delete", "retention.ms": week}},
		{Name: CaseEscalations, Key: "case_id", Holds: "a human was pulled in: which signal, on what evidence",
			Records: []string{"casetrail.Escalation"}, Writers: []string{Router}, Readers: []string{Alerting, Sink},
			Config: map[string]string{"cleanup.policy": "delete", "retention.ms": "2592000000"}},
		{Name: CaseConclusions, Key: "case_id", Holds: "concluded cases, amendments, policies in force, orders, ticks",
			Records: []string{"casetrail.CaseConclusion", "casetrail.CaseAmendment", "casetrail.PolicyApplied", "casetrail.LedgerOrder", "casetrail.Tick"},
			Writers: []string{Router}, Readers: []string{RecordSigner},
			Config: map[string]string{"cleanup.policy": "delete", "retention.ms": week}},
		{Name: ConductRecords, Key: "case_id", Holds: "the ledger: one hash chain of signed records per partition",
			Records: []string{"casetrail.SignedRecord"}, Writers: []string{RecordSigner}, Readers: []string{Aggregator, Sink, Auditors},
			Config: map[string]string{"cleanup.policy": "delete", "retention.ms": forever}},
		{Name: ConductCheckpoints, Key: "ledger", Holds: "signed heads of the ledgers",
			Records: []string{"casetrail.Checkpoint"}, Writers: []string{RecordSigner}, Readers: []string{Aggregator, Sink, Auditors},
			Config: map[string]string{"cleanup.policy": "delete", "retention.ms": forever}},
		{Name: ConductManifest, Key: "manifest", Holds: "the heads of all ledgers, minute by minute, under one signed head", Single: true,
			Records: []string{"casetrail.Manifest"}, Writers: []string{RecordSigner}, Readers: []string{Auditors},
			Config: map[string]string{"cleanup.policy": "delete", "retention.ms": forever}},
		{Name: ConductMetrics, Key: "window", Holds: "every segment of one window, and the aggregate", Single: true,
			Records: []string{"casetrail.MetricRecord"}, Writers: []string{Aggregator}, Readers: []string{Sink, Auditors},
			Config: map[string]string{"cleanup.policy": "delete", "retention.ms": forever}},
		{Name: ConductAlerts, Key: "segment", Holds: "drift, masked drift, guard breaches", Single: true,
			Records: []string{"casetrail.SegmentAlert"}, Writers: []string{Aggregator}, Readers: []string{Alerting, Delivery, Sink},
			Config: map[string]string{"cleanup.policy": "delete", "retention.ms": "2592000000"}},
	}
}

// Subjects are the schema subjects of the topics that a stage writes or reads; of all topics where stage is empty.
func Subjects(stage string) []schemas.Subject {
	var out []schemas.Subject
	for _, t := range Topology() {
		if stage != "" && !slices.Contains(t.Writers, stage) && !slices.Contains(t.Readers, stage) {
			continue
		}
		for _, r := range t.Records {
			out = append(out, schemas.Subject{Topic: t.Name, Record: r})
		}
	}
	return out
}
