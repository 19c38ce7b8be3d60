-- +goose Up
CREATE TABLE IF NOT EXISTS segment_panes_1h
(
    hour                         DateTime('UTC')        COMMENT 'The hour''s start.',
    case_type                    LowCardinality(String) COMMENT 'The case type.',
    handler                      LowCardinality(String) COMMENT 'ai, human or ai_then_escalated.',
    partition                    Int32                  COMMENT 'The partition of the ledger.',
    records                      Int64                  COMMENT 'Records of the ledger that count here.',
    cases                        Int64                  COMMENT 'Cases concluded.',
    ratings                      Int64                  COMMENT 'Ratings that arrived.',
    csat_sum                     Int64                  COMMENT 'The sum of these ratings.',
    csat_1                       Int64                  COMMENT 'Ratings of 1.',
    csat_2                       Int64                  COMMENT 'Ratings of 2.',
    csat_3                       Int64                  COMMENT 'Ratings of 3.',
    csat_4                       Int64                  COMMENT 'Ratings of 4.',
    csat_5                       Int64                  COMMENT 'Ratings of 5.',
    complaints                   Int64                  COMMENT 'Complaints that arrived.',
    escalated                    Int64                  COMMENT 'Cases that a tripwire pulled a human into.',
    signal_human_request         Int64                  COMMENT 'How often the tripwire human_request fired.',
    signal_negative_sentiment    Int64                  COMMENT 'How often the tripwire negative_sentiment fired.',
    signal_duration              Int64                  COMMENT 'How often the tripwire duration fired.',
    signal_case_type_change      Int64                  COMMENT 'How often the tripwire case_type_change fired.',
    signal_guard_breach          Int64                  COMMENT 'How often the tripwire guard_breach fired.',
    signal_repeated_question     Int64                  COMMENT 'How often the tripwire repeated_question fired.',
    signal_supervisor_request    Int64                  COMMENT 'How often the tripwire supervisor_request fired.',
    signal_threat_to_leave       Int64                  COMMENT 'How often the tripwire threat_to_leave fired.',
    signal_threat_to_complain    Int64                  COMMENT 'How often the tripwire threat_to_complain fired.',
    guard_breaches               Int64                  COMMENT 'Cases on which an AI wrote that were not the AI''s.',
    outcome_resolved_confirmed   Int64                  COMMENT 'Cases that ended resolved_confirmed.',
    outcome_resolved_unconfirmed Int64                  COMMENT 'Cases that ended resolved_unconfirmed.',
    outcome_abandoned            Int64                  COMMENT 'Cases that ended abandoned.',
    outcome_transferred          Int64                  COMMENT 'Cases that ended transferred.',
    outcome_unresolved           Int64                  COMMENT 'Cases that ended unresolved.',
    resolution_ms_sum            Int64                  COMMENT 'The sum of the times from opening to conclusion, milliseconds.',
    human_requests               Int64                  COMMENT 'Cases whose customer asked for a human.',
    human_requests_met           Int64                  COMMENT 'Those where a human joined after the request.',
    time_to_human_ms_sum         Int64                  COMMENT 'The sum of the times from escalation to a human''s joining, milliseconds.',
    time_to_human_cases          Int64                  COMMENT 'How many cases that sum is over.',
    identified                   Int64                  COMMENT 'Cases whose customer has a commitment, so that another case of the same customer shows.',
    synthetic                    Int64                  COMMENT 'Cases, ratings and complaints that a simulation made.',
    resolution_bins              SimpleAggregateFunction(sumMap, Map(Int64, Int64)) COMMENT 'The times from opening to conclusion: how many cases by bin, see records.',
    time_to_human_bins           SimpleAggregateFunction(sumMap, Map(Int64, Int64)) COMMENT 'The times from escalation to a human''s joining: how many cases by bin.'
)
ENGINE = SummingMergeTree
ORDER BY (hour, case_type, handler, partition)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Sums per segment and hour. Parts are added up in the background: always sum() and sumMap().';
