-- +goose Up
-- The ends of the windows of a length (seconds) that end every step (seconds), each with the starts of the panes in it: of hours where
-- both are whole hours, else of minutes. Only ends up to which every ledger is complete, so that what is shown is final.
CREATE VIEW IF NOT EXISTS window_ends AS
SELECT
    window_end,
    window_end - arrayJoin(range(if({step:UInt32} % 3600 = 0 AND {length:UInt32} % 3600 = 0, 3600, 60), {length:UInt32} + 1,
        if({step:UInt32} % 3600 = 0 AND {length:UInt32} % 3600 = 0, 3600, 60))) AS start
FROM
(
    SELECT toDateTime(arrayJoin(range(intDiv(first, {step:UInt32}) * {step:UInt32} + {step:UInt32}, until + 1, {step:UInt32})), 'UTC') AS window_end
    FROM
    (
        SELECT toUnixTimestamp(min(minute)) AS first, ifNull((SELECT toUnixTimestamp(complete_until) FROM windows_complete), 0) AS until
        FROM segment_panes
        HAVING count() > 0
    )
);
