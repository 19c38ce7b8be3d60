-- +goose Up
-- What the policy in force at the end of a case's minute says about the case. Whether a customer came back shows only when every ledger
-- has passed that minute, so it is worked out here, and not when rows are inserted. Contacts from before contacts_since_ms don't
-- count, as a policy that counted for a shorter time may have forgotten them.
CREATE VIEW IF NOT EXISTS segment_panes_by_policy AS
WITH (SELECT arraySort(groupArray((in_force_from, human_within_ms, repeat_contact_ms, contacts_since_ms))) FROM policies) AS in_force
SELECT
    minute,
    case_type,
    handler,
    toInt64(sum(in_time)) AS human_in_time,
    toInt64(sum(repeat)) AS repeats
FROM
(
    SELECT
        toStartOfMinute(toDateTime(concluded_at, 'UTC')) AS minute,
        case_type,
        handler_path AS handler,
        toUnixTimestamp64Milli(assumeNotNull(human_joined_at)) - toUnixTimestamp64Milli(assumeNotNull(human_requested_at))
            < arrayLast(p -> p.1 <= minute + 60, in_force).2 AS in_time,
        0 AS repeat
    FROM records
    WHERE kind = 'case' AND human_joined_at IS NOT NULL AND human_requested_at IS NOT NULL
    UNION ALL
    SELECT
        toStartOfMinute(toDateTime(concluded_at, 'UTC')) AS minute,
        case_type,
        handler,
        0 AS in_time,
        before >= arrayLast(p -> p.1 <= minute + 60, in_force).4
            AND toUnixTimestamp64Milli(concluded_at) - before <= arrayLast(p -> p.1 <= minute + 60, in_force).3 AS repeat
    FROM
    (
        SELECT
            case_type,
            handler_path AS handler,
            concluded_at,
            row_number() OVER customer AS contact,
            toUnixTimestamp64Milli(lagInFrame(concluded_at) OVER customer) AS before
        FROM records
        WHERE kind = 'case' AND commitment != toFixedString('', 32)
        WINDOW customer AS (PARTITION BY commitment, case_type ORDER BY concluded_at, partition, source_offset, source_ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
    WHERE contact > 1
)
GROUP BY minute, case_type, handler;
