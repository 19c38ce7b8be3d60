-- +goose Up
-- Segments over 24 hours, ending every hour: the sums of MetricRecord, added up again from the panes.
-- A condition on window_end reaches the ends below, and the join takes it on to the panes.
CREATE VIEW IF NOT EXISTS segment_windows_24h AS
SELECT
    s.window_end - toIntervalSecond(86400) AS window_start,
    s.window_end AS window_end,
    segment.1 AS case_type,
    segment.2 AS handler,
    sum(s.cases) AS cases,
    sum(s.ratings) AS ratings,
    sum(s.csat_sum) AS csat_sum,
    sumForEach(s.csat_counts) AS csat_counts,
    sum(s.complaints) AS complaints,
    sum(s.escalated) AS escalated,
    sumForEach(s.signals) AS signals,
    sum(s.guard_breaches) AS guard_breaches,
    sumForEach(s.outcomes) AS outcomes,
    sum(s.resolution_ms_sum) AS resolution_ms_sum,
    sum(s.human_requests) AS human_requests,
    sum(s.human_requests_met) AS human_requests_met,
    sum(s.human_in_time) AS human_in_time,
    sum(s.time_to_human_ms_sum) AS time_to_human_ms_sum,
    sum(s.time_to_human_cases) AS time_to_human_cases,
    sum(s.synthetic) AS synthetic,
    sum(s.cases) / nullIf(max(s.all_cases), 0) AS share,
    csat_sum / nullIf(ratings, 0) AS csat,
    -- Half of the 95 % interval of csat, by the normal approximation.
    1.96 * sqrt(greatest(0, arraySum((n, i) -> n * i * i, csat_counts, [1, 2, 3, 4, 5]) / nullIf(ratings, 0) - pow(csat, 2)) / nullIf(ratings, 0)) AS csat_error,
    ratings / nullIf(cases, 0) AS response_rate,
    complaints / nullIf(cases, 0) AS complaint_rate,
    escalated / nullIf(cases, 0) AS escalation_rate,
    resolution_ms_sum / nullIf(cases, 0) AS resolution_ms,
    human_in_time / nullIf(human_requests, 0) AS human_in_time_rate,
    time_to_human_ms_sum / nullIf(time_to_human_cases, 0) AS time_to_human_ms
FROM
(
    SELECT
        w.window_end AS window_end,
        p.case_type AS case_type,
        p.handler AS handler,
        sum(p.cases) AS cases,
        sum(p.ratings) AS ratings,
        sum(p.csat_sum) AS csat_sum,
        [sum(p.csat_1), sum(p.csat_2), sum(p.csat_3), sum(p.csat_4), sum(p.csat_5)] AS csat_counts,
        sum(p.complaints) AS complaints,
        sum(p.escalated) AS escalated,
        [sum(p.signal_human_request), sum(p.signal_negative_sentiment), sum(p.signal_duration), sum(p.signal_case_type_change), sum(p.signal_guard_breach),
            sum(p.signal_repeated_question), sum(p.signal_supervisor_request), sum(p.signal_threat_to_leave), sum(p.signal_threat_to_complain)] AS signals,
        sum(p.guard_breaches) AS guard_breaches,
        [sum(p.outcome_resolved_confirmed), sum(p.outcome_resolved_unconfirmed), sum(p.outcome_abandoned), sum(p.outcome_transferred), sum(p.outcome_unresolved)] AS outcomes,
        sum(p.resolution_ms_sum) AS resolution_ms_sum,
        sum(p.human_requests) AS human_requests,
        sum(p.human_requests_met) AS human_requests_met,
        sum(p.human_in_time) AS human_in_time,
        sum(p.time_to_human_ms_sum) AS time_to_human_ms_sum,
        sum(p.time_to_human_cases) AS time_to_human_cases,
        sum(p.synthetic) AS synthetic,
        sum(cases) OVER (PARTITION BY window_end) AS all_cases
    FROM segment_panes_1h AS p
    INNER JOIN
    (
        SELECT e.window_end AS window_end, e.window_end - arrayJoin(range(3600, 86401, 3600)) AS hour
        FROM
        (
            SELECT toDateTime(arrayJoin(range(intDiv(first, 3600) * 3600 + 3600, until + 1, 3600)), 'UTC') AS window_end
            FROM
            (
                SELECT toUnixTimestamp(min(hour)) AS first, ifNull((SELECT toUnixTimestamp(complete_until) FROM windows_complete), 0) AS until
                FROM segment_panes_1h
                HAVING count() > 0
            )
        ) AS e
    ) AS w ON p.hour = w.hour
    GROUP BY window_end, case_type, handler
) AS s
ARRAY JOIN arrayDistinct([(toString(s.case_type), toString(s.handler)), (toString(s.case_type), 'all'), ('all', toString(s.handler)), ('all', 'all')]) AS segment
GROUP BY window_end, case_type, handler
HAVING cases + ratings + complaints > 0;
