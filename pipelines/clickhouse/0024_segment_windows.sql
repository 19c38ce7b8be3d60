-- +goose Up
-- Segments over windows of a length (seconds) that end every step (seconds): what MetricRecords have, worked out again from the panes, to
-- the last digit. A condition on window_end reaches the ends below, and the join takes it on to the panes. Windows whose length and
-- step are whole hours are added up from hours, others from minutes.
CREATE VIEW IF NOT EXISTS segment_windows AS
WITH (SELECT arraySort(groupArray((in_force_from, minimum_cases, handlers))) FROM policies) AS in_force
SELECT
    w.window_end - toIntervalSecond({length:UInt32}) AS window_start,
    w.window_end AS window_end,
    w.case_type AS case_type,
    w.handler AS handler,
    w.cases AS cases,
    w.ratings AS ratings,
    w.csat_sum AS csat_sum,
    w.csat_counts AS csat_counts,
    w.complaints AS complaints,
    w.escalated AS escalated,
    w.signals AS signals,
    w.guard_breaches AS guard_breaches,
    w.outcomes AS outcomes,
    w.resolution_ms_sum AS resolution_ms_sum,
    w.human_requests AS human_requests,
    w.human_requests_met AS human_requests_met,
    w.time_to_human_ms_sum AS time_to_human_ms_sum,
    w.time_to_human_cases AS time_to_human_cases,
    w.identified AS identified,
    w.synthetic AS synthetic,
    w.human_in_time AS human_in_time,
    w.repeats AS repeats,
    w.cases / greatest(1, w.all_cases) AS share,
    w.cases >= arrayLast(p -> p.1 <= w.window_end, in_force).2 AS enough,
    w.ratings >= arrayLast(p -> p.1 <= w.window_end, in_force).2 AS enough_ratings,
    w.csat_sum / nullIf(w.ratings, 0) AS csat,
    -- 1.96 standard errors about the mean, both of the ratings and one 1 and one 5 more.
    if(w.ratings = 0, NULL, greatest(1., middle - half)) AS csat_low,
    if(w.ratings = 0, NULL, least(5., middle + half)) AS csat_high,
    (w.csat_sum + silent) / nullIf(w.ratings + if(w.ratings = 0, 0, silent), 0) AS csat_bounds_low,
    (w.csat_sum + 5 * silent) / nullIf(w.ratings + if(w.ratings = 0, 0, silent), 0) AS csat_bounds_high,
    rates[1].1 AS response_rate,
    rates[1].2 AS response_rate_low,
    rates[1].3 AS response_rate_high,
    rates[2].1 AS complaint_rate,
    rates[2].2 AS complaint_rate_low,
    rates[2].3 AS complaint_rate_high,
    rates[3].1 AS escalation_rate,
    rates[3].2 AS escalation_rate_low,
    rates[3].3 AS escalation_rate_high,
    rates[4].1 AS repeat_rate,
    rates[4].2 AS repeat_rate_low,
    rates[4].3 AS repeat_rate_high,
    rates[5].1 AS human_in_time_rate,
    rates[5].2 AS human_in_time_rate_low,
    rates[5].3 AS human_in_time_rate_high,
    if(w.cases = 0, [], arrayMap(n -> n / w.cases, w.signals)) AS signal_rates,
    resolution[1] AS resolution_ms_p50,
    resolution[2] AS resolution_ms_p90,
    resolution[3] AS resolution_ms_p99,
    to_human[1] AS time_to_human_ms_p50,
    to_human[2] AS time_to_human_ms_p90,
    to_human[3] AS time_to_human_ms_p99
FROM
(
    SELECT
        *,
        greatest(cases - ratings, 0) AS silent,
        (csat_sum + 6) / (ratings + 2) AS middle,
        1.96 * sqrt(((ratings + 2) * (26 + csat_squares) - (csat_sum + 6) * (csat_sum + 6)) / (ratings + 1)) / (ratings + 2) AS half,
        -- Wilson's interval of k in n; null where that is no share.
        arrayMap(x -> if(x.2 = 0 OR x.1 > x.2, (NULL, NULL, NULL), (
            x.1 / x.2,
            if(x.1 = 0, 0., (x.1 + 1.9208) / (x.2 + 3.8416) - 1.96 * sqrt(x.1 * (x.2 - x.1) / x.2 + 0.9604) / (x.2 + 3.8416)),
            if(x.1 = x.2, 1., (x.1 + 1.9208) / (x.2 + 3.8416) + 1.96 * sqrt(x.1 * (x.2 - x.1) / x.2 + 0.9604) / (x.2 + 3.8416)))),
            [(ratings, cases), (complaints, cases), (escalated, cases), (repeats, identified), (human_in_time, human_requests)]) AS rates,
        -- The bin of the case that stands at that rank.
        arrayMap(q -> if(cases = 0, NULL, mapKeys(resolution_bins)[arrayFirstIndex(c -> c >= intDiv(q * cases + 99, 100), arrayCumSum(mapValues(resolution_bins)))]),
            [50, 90, 99]) AS resolution,
        arrayMap(q -> if(time_to_human_cases = 0, NULL,
            mapKeys(time_to_human_bins)[arrayFirstIndex(c -> c >= intDiv(q * time_to_human_cases + 99, 100), arrayCumSum(mapValues(time_to_human_bins)))]),
            [50, 90, 99]) AS to_human
    FROM
    (
        SELECT
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
            sum(s.time_to_human_ms_sum) AS time_to_human_ms_sum,
            sum(s.time_to_human_cases) AS time_to_human_cases,
            sum(s.identified) AS identified,
            sum(s.synthetic) AS synthetic,
            sumMap(s.resolution_bins) AS resolution_bins,
            sumMap(s.time_to_human_bins) AS time_to_human_bins,
            sum(s.human_in_time) AS human_in_time,
            sum(s.repeats) AS repeats,
            max(s.all_cases) AS all_cases,
            arraySum((n, i) -> n * i * i, csat_counts, [1, 2, 3, 4, 5]) AS csat_squares
        FROM
        (
            SELECT
                b.*,
                q.human_in_time AS human_in_time,
                q.repeats AS repeats,
                sum(b.cases) OVER (PARTITION BY b.window_end) AS all_cases
            FROM
            (
                SELECT
                    e.window_end AS window_end,
                    p.case_type AS case_type,
                    p.handler AS handler,
                    sum(p.cases) AS cases,
                    sum(p.ratings) AS ratings,
                    sum(p.csat_sum) AS csat_sum,
                    [sum(p.csat_1), sum(p.csat_2), sum(p.csat_3), sum(p.csat_4), sum(p.csat_5)] AS csat_counts,
                    sum(p.complaints) AS complaints,
                    sum(p.escalated) AS escalated,
                    [sum(p.signal_human_request), sum(p.signal_negative_sentiment), sum(p.signal_duration), sum(p.signal_case_type_change), sum(p.signal_guard_breach), sum(p.signal_repeated_question), sum(p.signal_supervisor_request), sum(p.signal_threat_to_leave), sum(p.signal_threat_to_complain)] AS signals,
                    sum(p.guard_breaches) AS guard_breaches,
                    [sum(p.outcome_resolved_confirmed), sum(p.outcome_resolved_unconfirmed), sum(p.outcome_abandoned), sum(p.outcome_transferred), sum(p.outcome_unresolved)] AS outcomes,
                    sum(p.resolution_ms_sum) AS resolution_ms_sum,
                    sum(p.human_requests) AS human_requests,
                    sum(p.human_requests_met) AS human_requests_met,
                    sum(p.time_to_human_ms_sum) AS time_to_human_ms_sum,
                    sum(p.time_to_human_cases) AS time_to_human_cases,
                    sum(p.identified) AS identified,
                    sum(p.synthetic) AS synthetic,
                    sumMap(p.resolution_bins) AS resolution_bins,
                    sumMap(p.time_to_human_bins) AS time_to_human_bins
                FROM
                (
                    SELECT minute AS start, * EXCEPT minute FROM segment_panes WHERE {step:UInt32} % 3600 != 0 OR {length:UInt32} % 3600 != 0
                    UNION ALL
                    SELECT hour AS start, * EXCEPT hour FROM segment_panes_1h WHERE {step:UInt32} % 3600 = 0 AND {length:UInt32} % 3600 = 0
                ) AS p
                INNER JOIN (SELECT * FROM window_ends(length = {length:UInt32}, step = {step:UInt32})) AS e ON p.start = e.start
                GROUP BY window_end, case_type, handler
            ) AS b
            LEFT JOIN
            (
                SELECT
                    e.window_end AS window_end,
                    p.case_type AS case_type,
                    p.handler AS handler,
                    sum(p.human_in_time) AS human_in_time,
                    sum(p.repeats) AS repeats
                FROM (SELECT if({step:UInt32} % 3600 = 0 AND {length:UInt32} % 3600 = 0, toStartOfHour(minute), minute) AS start, * FROM segment_panes_by_policy) AS p
                INNER JOIN (SELECT * FROM window_ends(length = {length:UInt32}, step = {step:UInt32})) AS e ON p.start = e.start
                GROUP BY window_end, case_type, handler
            ) AS q ON q.window_end = b.window_end AND q.case_type = b.case_type AND q.handler = b.handler
        ) AS s
        ARRAY JOIN arrayDistinct(if(has(arrayLast(p -> p.1 <= s.window_end, in_force).3, s.handler),
            [(toString(s.case_type), toString(s.handler)), (toString(s.case_type), 'all'), ('all', toString(s.handler)), ('all', 'all')],
            [(toString(s.case_type), 'all'), ('all', 'all')])) AS segment
        GROUP BY window_end, case_type, handler
        HAVING cases + ratings + complaints > 0
    )
) AS w;
