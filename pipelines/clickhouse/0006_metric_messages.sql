-- +goose Up
CREATE TABLE IF NOT EXISTS metric_messages
(
    partition              Int32                         COMMENT 'The partition of conduct.metrics.',
    offset                 Int64                         COMMENT 'The offset in that partition.',
    source_partition       Int32                         COMMENT 'Position of what caused it: partition.',
    source_offset          Int64                         COMMENT 'Position of what caused it: offset.',
    source_ordinal         Int32                         COMMENT 'Position of what caused it: which of that input''s outputs.',
    window                 LowCardinality(String)        COMMENT '1h, 24h, 7d or 30d.',
    window_start           DateTime64(3, 'UTC')          COMMENT 'The window''s start, inclusive.',
    window_end             DateTime64(3, 'UTC')          COMMENT 'The window''s end, exclusive.',
    case_type              LowCardinality(String)        COMMENT 'The case type, or all.',
    handler                LowCardinality(String)        COMMENT 'ai, human, ai_then_escalated or all.',
    cases                  Int64                         COMMENT 'Cases concluded.',
    ratings                Int64                         COMMENT 'Ratings that arrived in the window.',
    csat_sum               Int64                         COMMENT 'The sum of these ratings.',
    csat_counts            Array(Int64)                  COMMENT 'How many ratings of 1, 2, 3, 4, 5.',
    complaints             Int64                         COMMENT 'Complaints that arrived in the window.',
    escalated              Int64                         COMMENT 'Cases that a tripwire pulled a human into.',
    signals                Array(Int64)                  COMMENT 'How often each fired: human_request, negative_sentiment, duration, case_type_change, guard_breach, repeated_question, supervisor_request, threat_to_leave, threat_to_complain.',
    guard_breaches         Int64                         COMMENT 'Cases on which an AI wrote that were not the AI''s.',
    outcomes               Array(Int64)                  COMMENT 'Cases by outcome: resolved_confirmed, resolved_unconfirmed, abandoned, transferred, unresolved.',
    resolution_ms_sum      Int64                         COMMENT 'The sum of the times from opening to conclusion, milliseconds.',
    human_requests         Int64                         COMMENT 'Cases whose customer asked for a human.',
    human_requests_met     Int64                         COMMENT 'Those where a human joined after the request.',
    human_in_time Int64                         COMMENT 'Those where a human joined within 3 minutes of the request.',
    time_to_human_ms_sum   Int64                         COMMENT 'The sum of the times from escalation to a human''s joining, milliseconds.',
    time_to_human_cases    Int64                         COMMENT 'How many cases that sum is over.',
    synthetic              Int64                         COMMENT 'Cases, ratings and complaints that a simulation made.',
    head_partitions        Array(Int32)                  COMMENT 'The ledgers that it was computed from: partitions.',
    head_sizes             Array(Int64)                  COMMENT 'How many records of each.',
    head_roots             Array(FixedString(32))        COMMENT 'The root over them.'
)
ENGINE = ReplacingMergeTree(offset)
ORDER BY (window, window_end, case_type, handler)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'conduct.metrics as it was read, one row a segment. Query the view metrics, which has every window once.';
