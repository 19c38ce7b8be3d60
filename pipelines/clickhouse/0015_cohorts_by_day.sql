-- +goose Up
-- Cases by the day (UTC) of their conclusion. A rating or complaint counts for the case that it is about, however late it came: so the
-- last days still change, and the figures are not those of the windows, in which it counts when it came.
CREATE VIEW IF NOT EXISTS cohorts_by_day AS
SELECT
    * EXCEPT csat_error,
    csat_sum / nullIf(ratings, 0) AS csat,
    -- 1.96 standard errors about the mean, both of the ratings and one 1 and one 5 more: few ratings give a wide interval.
    if(ratings = 0, NULL, greatest(1., (csat_sum + 6) / (ratings + 2) - csat_error)) AS csat_low,
    if(ratings = 0, NULL, least(5., (csat_sum + 6) / (ratings + 2) + csat_error)) AS csat_high,
    ratings / cases AS response_rate,
    complaints / cases AS complaint_rate,
    escalated / cases AS escalation_rate
FROM
(
    SELECT
        toDate(concluded_at) AS day,
        case_type,
        handler_path AS handler,
        ai_model_version,
        policy_version,
        count() AS cases,
        count(csat) AS ratings,
        toUInt64(ifNull(sum(csat), 0)) AS csat_sum,
        [countIf(csat = 1), countIf(csat = 2), countIf(csat = 3), countIf(csat = 4), countIf(csat = 5)] AS csat_counts,
        countIf(complaint) AS complaints,
        countIf(escalated) AS escalated,
        countIf(outcome = 'abandoned') AS abandoned,
        countIf(guard_breach) AS guard_breaches,
        countIf(synthetic) AS synthetic,
        1.96 * sqrt(greatest(0., (26 + arraySum((n, i) -> n * i * i, csat_counts, [1, 2, 3, 4, 5])) / (ratings + 2) - pow((csat_sum + 6) / (ratings + 2), 2)) / (ratings + 2)) AS csat_error
    FROM cases
    GROUP BY day, case_type, handler, ai_model_version, policy_version
);
