-- +goose Up
-- The n-th policy of one ledger is the n-th of all: intake passes each to every partition, in order. It is in force from the end of the
-- first minute by which every ledger has it; of several from one end on, the last is. Version '' is what holds before: what ships.
CREATE VIEW IF NOT EXISTS policies AS
SELECT
    *,
    max(if(repeat_contact_before = repeat_contact_ms, -1, toInt64(toUnixTimestamp(in_force_from)) * 1000 - 60000 - repeat_contact_before))
        OVER (ORDER BY in_force_from ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS contacts_since_ms
FROM
(
    SELECT
        *,
        lagInFrame(repeat_contact_ms, 1, repeat_contact_ms) OVER (ORDER BY in_force_from ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS repeat_contact_before
    FROM
    (
        SELECT *
        FROM
        (
            SELECT
                toStartOfMinute(toDateTime(max(r.applied_at), 'UTC')) + toIntervalMinute(1) AS in_force_from,
                argMin(r.policy_version, r.partition) AS version,
                argMin(r.minimum_cases, r.partition) AS minimum_cases,
                argMin(r.human_within_ms, r.partition) AS human_within_ms,
                argMin(r.repeat_contact_ms, r.partition) AS repeat_contact_ms,
                argMin(r.handlers, r.partition) AS handlers,
                argMin(r.policy_document, r.partition) AS document,
                r.number AS number
            FROM
            (
                SELECT
                    *,
                    row_number() OVER (PARTITION BY partition ORDER BY toUInt64OrZero(splitByChar('/', toString(ledger))[-1]), sequence) AS number
                FROM records
                WHERE kind = 'policy'
            ) AS r
            GROUP BY number
            HAVING count() = (SELECT uniqExact(partition) FROM partitions)
            UNION ALL
            SELECT toDateTime(0, 'UTC'), '', 30, 180000, 604800000, ['ai', 'ai_then_escalated', 'human'], '', 0
        )
        ORDER BY in_force_from, number DESC
        LIMIT 1 BY in_force_from
    )
);
