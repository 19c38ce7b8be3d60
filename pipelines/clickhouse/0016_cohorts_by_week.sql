-- +goose Up
-- cohorts_by_day, by weeks from Monday to Sunday.
CREATE VIEW IF NOT EXISTS cohorts_by_week AS
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
        toMonday(c.day) AS week,
        c.case_type AS case_type,
        c.handler AS handler,
        c.ai_model_version AS ai_model_version,
        c.policy_version AS policy_version,
        sum(c.cases) AS cases,
        sum(c.ratings) AS ratings,
        sum(c.csat_sum) AS csat_sum,
        sumForEach(c.csat_counts) AS csat_counts,
        sum(c.complaints) AS complaints,
        sum(c.escalated) AS escalated,
        sum(c.abandoned) AS abandoned,
        sum(c.guard_breaches) AS guard_breaches,
        sum(c.synthetic) AS synthetic,
        1.96 * sqrt(greatest(0., (26 + arraySum((n, i) -> n * i * i, csat_counts, [1, 2, 3, 4, 5])) / (ratings + 2) - pow((csat_sum + 6) / (ratings + 2), 2)) / (ratings + 2)) AS csat_error
    FROM cohorts_by_day AS c
    GROUP BY week, case_type, handler, ai_model_version, policy_version
);
