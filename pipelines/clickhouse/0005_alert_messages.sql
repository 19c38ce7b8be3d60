-- +goose Up
CREATE TABLE IF NOT EXISTS alert_messages
(
    partition        Int32                  COMMENT 'The partition of conduct.alerts.',
    offset           Int64                  COMMENT 'The offset in that partition.',
    source_partition Int32                  COMMENT 'Position of what caused it: partition.',
    source_offset    Int64                  COMMENT 'Position of what caused it: offset.',
    source_ordinal   Int32                  COMMENT 'Position of what caused it: which of that input''s outputs.',
    alert            LowCardinality(String) COMMENT 'What it is about: drift, masked_drift or guard_breach.',
    case_type        LowCardinality(String) COMMENT 'The case type, or all.',
    handler          LowCardinality(String) COMMENT 'ai, human, ai_then_escalated or all.',
    raised_at        DateTime64(3, 'UTC')   COMMENT 'When, by the pipeline''s time.',
    summary          String                 COMMENT 'In words.',
    case_id          Nullable(String)       COMMENT 'The case, where it is about one.',
    record_ledger    Nullable(String)       COMMENT 'The ledger of the record behind it.',
    record_sequence  Nullable(Int64)        COMMENT 'The sequence of the record behind it.'
)
ENGINE = ReplacingMergeTree(offset)
ORDER BY (source_partition, source_offset, source_ordinal)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'conduct.alerts as it was read. Query the view alerts, which has every position once.';
