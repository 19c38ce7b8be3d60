-- +goose Up
CREATE TABLE IF NOT EXISTS escalation_messages
(
    partition         Int32                  COMMENT 'The partition of case.escalations.',
    offset            Int64                  COMMENT 'The offset in that partition.',
    source_partition  Int32                  COMMENT 'Position of what caused it: partition.',
    source_offset     Int64                  COMMENT 'Position of what caused it: offset.',
    source_ordinal    Int32                  COMMENT 'Position of what caused it: which of that input''s outputs.',
    case_id           String                 COMMENT 'The case.',
    event_id          String                 COMMENT 'The event that fired the tripwire; empty where a timer did.',
    signal            LowCardinality(String) COMMENT 'The tripwire: human_request, negative_sentiment, duration, case_type_change, guard_breach, repeated_question, supervisor_request, threat_to_leave or threat_to_complain.',
    evidence          String                 COMMENT 'What was seen, in words and figures, without the customer''s text.',
    case_type         LowCardinality(String) COMMENT 'The case''s type when it fired.',
    from_handler      LowCardinality(String) COMMENT 'Who had the case until then: ai or human.',
    waiting_ms        Int64                  COMMENT 'How long the customer had been in the case by then, milliseconds.',
    escalated_at      DateTime64(3, 'UTC')   COMMENT 'When, by the pipeline''s time.',
    customer_messages UInt32                 COMMENT 'Messages of the customer so far.',
    ai_messages       UInt32                 COMMENT 'Messages of the AI so far.',
    policy_version    LowCardinality(String) COMMENT 'The policy in force.',
    synthetic         Bool                   COMMENT 'A simulation made the case.'
)
ENGINE = ReplacingMergeTree(offset)
ORDER BY (source_partition, source_offset, source_ordinal)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'case.escalations as it was read. Query the view escalations, which has every position once.';
