package insert

// column is a column of an INSERT: its name and type in the table, and its values.
type column[T any] struct {
	name, typ string
	values    func(*T) any
	reset     func(*T)
}

func col[T, V any](name, typ string, values func(*T) *[]V) column[T] {
	return column[T]{name, typ,
		func(t *T) any { return *values(t) },
		func(t *T) { s := values(t); clear(*s); *s = (*s)[:0] }}
}

const (
	text        = "String"
	symbol      = "LowCardinality(String)"
	millis      = "DateTime64(3, 'UTC')"
	maybe       = "Nullable(DateTime64(3, 'UTC'))"
	hash        = "FixedString(32)"
	hashes      = "Array(FixedString(32))"
	symbols     = "Array(LowCardinality(String))"
	maybeByte   = "Nullable(UInt8)"
	number      = "Nullable(Float64)"
	maybeNumber = "Nullable(Int64)"
	numbers     = "Array(Float64)"
)

// recordColumns are those of 0001_records.sql.
var recordColumns = []column[Rows]{
	col("ledger", symbol, func(r *Rows) *[]string { return &r.ledger }),
	col("partition", "Int32", func(r *Rows) *[]int32 { return &r.partition }),
	col("sequence", "Int64", func(r *Rows) *[]int64 { return &r.sequence }),
	col("kind", symbol, func(r *Rows) *[]string { return &r.kind }),
	col("leaf_hash", hash, func(r *Rows) *[][]byte { return &r.leaf }),
	col("key_id", "FixedString(4)", func(r *Rows) *[][]byte { return &r.keyID }),
	col("source_partition", "Int32", func(r *Rows) *[]int32 { return &r.sourcePartition }),
	col("source_offset", "Int64", func(r *Rows) *[]int64 { return &r.sourceOffset }),
	col("source_ordinal", "Int32", func(r *Rows) *[]int32 { return &r.sourceOrdinal }),
	col("workflow", symbol, func(r *Rows) *[]string { return &r.workflow }),
	col("case_id", text, func(r *Rows) *[]string { return &r.caseID }),
	col("case_type", symbol, func(r *Rows) *[]string { return &r.caseType }),
	col("route", symbol, func(r *Rows) *[]string { return &r.route }),
	col("handler", symbol, func(r *Rows) *[]string { return &r.handler }),
	col("handler_path", symbol, func(r *Rows) *[]string { return &r.path }),
	col("ai_model_version", symbol, func(r *Rows) *[]string { return &r.model }),
	col("classifier_version", symbol, func(r *Rows) *[]string { return &r.classifier }),
	col("policy_version", symbol, func(r *Rows) *[]string { return &r.policy }),
	col("outcome", symbol, func(r *Rows) *[]string { return &r.outcome }),
	col("csat", maybeByte, func(r *Rows) *[]*uint8 { return &r.csat }),
	col("complaint", "Bool", func(r *Rows) *[]bool { return &r.complaint }),
	col("escalated", "Bool", func(r *Rows) *[]bool { return &r.escalated }),
	col("signals", symbols, func(r *Rows) *[][]string { return &r.signals }),
	col("opened_at", millis, func(r *Rows) *[]int64 { return &r.opened }),
	col("human_requested_at", maybe, func(r *Rows) *[]*int64 { return &r.requested }),
	col("escalated_at", maybe, func(r *Rows) *[]*int64 { return &r.escalatedAt }),
	col("human_joined_at", maybe, func(r *Rows) *[]*int64 { return &r.joined }),
	col("concluded_at", millis, func(r *Rows) *[]int64 { return &r.concluded }),
	col("amended_at", millis, func(r *Rows) *[]int64 { return &r.amended }),
	col("customer_messages", "UInt32", func(r *Rows) *[]uint32 { return &r.customerMessages }),
	col("ai_messages", "UInt32", func(r *Rows) *[]uint32 { return &r.aiMessages }),
	col("human_messages", "UInt32", func(r *Rows) *[]uint32 { return &r.humanMessages }),
	col("guard_breach", "Bool", func(r *Rows) *[]bool { return &r.breach }),
	col("synthetic", "Bool", func(r *Rows) *[]bool { return &r.synthetic }),
	col("resolution_bin", maybeNumber, func(r *Rows) *[]*int64 { return &r.resolution }),
	col("time_to_human_bin", maybeNumber, func(r *Rows) *[]*int64 { return &r.toHuman }),
	col("commitment", hash, func(r *Rows) *[][]byte { return &r.commitment }),
	col("amends_partition", "Int32", func(r *Rows) *[]int32 { return &r.amendsPartition }),
	col("amends_offset", "Int64", func(r *Rows) *[]int64 { return &r.amendsOffset }),
	col("amends_ordinal", "Int32", func(r *Rows) *[]int32 { return &r.amendsOrdinal }),
	col("applied_at", millis, func(r *Rows) *[]int64 { return &r.applied }),
	col("minimum_cases", "Int64", func(r *Rows) *[]int64 { return &r.minimum }),
	col("human_within_ms", "Int64", func(r *Rows) *[]int64 { return &r.within }),
	col("repeat_contact_ms", "Int64", func(r *Rows) *[]int64 { return &r.repeat }),
	col("handlers", symbols, func(r *Rows) *[][]string { return &r.handlers }),
	col("policy_document", text, func(r *Rows) *[]string { return &r.document }),
	col("body", text, func(r *Rows) *[][]byte { return &r.body }),
}
