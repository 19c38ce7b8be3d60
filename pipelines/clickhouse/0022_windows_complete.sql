-- +goose Up
-- A partition without a checkpoint holds everything back.
CREATE VIEW IF NOT EXISTS windows_complete AS
SELECT min(time) AS complete_until
FROM
(
    SELECT p.partition, max(c.time) AS time
    FROM partitions AS p
    LEFT JOIN checkpoints AS c ON c.partition = p.partition
    GROUP BY p.partition
);
