-- +goose Up
-- A case counts in the minute of its conclusion, a late rating or complaint in the minute in which it came.
CREATE MATERIALIZED VIEW IF NOT EXISTS segment_panes_from_records TO segment_panes
AS SELECT
    toStartOfMinute(toDateTime(if(r.kind = 'case', r.concluded_at, r.amended_at), 'UTC')) AS minute,
    r.case_type AS case_type,
    r.handler_path AS handler,
    toInt64(countIf(r.kind = 'case')) AS cases,
    toInt64(count(r.csat)) AS ratings,
    toInt64(ifNull(sum(r.csat), 0)) AS csat_sum,
    toInt64(countIf(r.csat = 1)) AS csat_1,
    toInt64(countIf(r.csat = 2)) AS csat_2,
    toInt64(countIf(r.csat = 3)) AS csat_3,
    toInt64(countIf(r.csat = 4)) AS csat_4,
    toInt64(countIf(r.csat = 5)) AS csat_5,
    toInt64(countIf(r.complaint)) AS complaints,
    toInt64(countIf(r.escalated)) AS escalated,
    toInt64(sum(countEqual(r.signals, 'human_request'))) AS signal_human_request,
    toInt64(sum(countEqual(r.signals, 'negative_sentiment'))) AS signal_negative_sentiment,
    toInt64(sum(countEqual(r.signals, 'duration'))) AS signal_duration,
    toInt64(sum(countEqual(r.signals, 'case_type_change'))) AS signal_case_type_change,
    toInt64(sum(countEqual(r.signals, 'guard_breach'))) AS signal_guard_breach,
    toInt64(sum(countEqual(r.signals, 'repeated_question'))) AS signal_repeated_question,
    toInt64(sum(countEqual(r.signals, 'supervisor_request'))) AS signal_supervisor_request,
    toInt64(sum(countEqual(r.signals, 'threat_to_leave'))) AS signal_threat_to_leave,
    toInt64(sum(countEqual(r.signals, 'threat_to_complain'))) AS signal_threat_to_complain,
    toInt64(countIf(r.guard_breach)) AS guard_breaches,
    toInt64(countIf(r.outcome = 'resolved_confirmed')) AS outcome_resolved_confirmed,
    toInt64(countIf(r.outcome = 'resolved_unconfirmed')) AS outcome_resolved_unconfirmed,
    toInt64(countIf(r.outcome = 'abandoned')) AS outcome_abandoned,
    toInt64(countIf(r.outcome = 'transferred')) AS outcome_transferred,
    toInt64(countIf(r.outcome = 'unresolved')) AS outcome_unresolved,
    sum(toUnixTimestamp64Milli(r.concluded_at) - toUnixTimestamp64Milli(r.opened_at)) AS resolution_ms_sum,
    toInt64(count(r.human_requested_at)) AS human_requests,
    toInt64(countIf(r.human_joined_at >= r.human_requested_at)) AS human_requests_met,
    toInt64(countIf(r.human_joined_at BETWEEN r.human_requested_at AND r.human_requested_at + INTERVAL 3 MINUTE)) AS human_in_time,
    sumIf(toUnixTimestamp64Milli(assumeNotNull(r.human_joined_at)) - toUnixTimestamp64Milli(assumeNotNull(r.escalated_at)),
        r.human_joined_at >= r.escalated_at) AS time_to_human_ms_sum,
    toInt64(countIf(r.human_joined_at >= r.escalated_at)) AS time_to_human_cases,
    toInt64(countIf(r.synthetic AND r.kind = 'case') + countIf(r.synthetic AND r.csat IS NOT NULL) + countIf(r.synthetic AND r.complaint)) AS synthetic
FROM records AS r
WHERE r.kind = 'case' OR (r.kind = 'amendment' AND (r.complaint OR r.csat IS NOT NULL))
GROUP BY minute, case_type, handler;
