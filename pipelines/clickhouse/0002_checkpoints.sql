-- +goose Up
CREATE TABLE IF NOT EXISTS checkpoints
(
    partition      Int32                  COMMENT 'The partition of conduct.checkpoints, and of the ledger.',
    ledger         LowCardinality(String) COMMENT 'The ledger: deployment/environment/partition/generation.',
    size           Int64                  COMMENT 'How many records of the ledger it covers; so many are in the table records.',
    time           DateTime64(3, 'UTC')   COMMENT 'The promise: no record that concludes before this time is missing.',
    root           FixedString(32)        COMMENT 'The root of the Merkle tree over these records (RFC 6962).',
    frontier       Array(FixedString(32)) COMMENT 'The roots of the complete subtrees, left to right, from which a reader goes on.',
    note           String                 COMMENT 'The signed note (C2SP tlog-checkpoint) over ledger, size and root.',
    key            String                 COMMENT 'The verifier key (C2SP signed-note) that opened it.',
    offset         Int64                  COMMENT 'Its offset in conduct.checkpoints.',
    records_offset Int64                  COMMENT 'The offset in conduct.records after the last of these records.'
)
-- All of them stay in Kafka; here a ledger keeps the newest and one an hour. Offsets are no order: a broker may lose the end
-- of its log, and what is made again stands elsewhere.
ENGINE = ReplacingMergeTree(time)
ORDER BY (partition, ledger, toStartOfHour(time))
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The signed heads whose records are all in the table records; the sink goes on after the last of each partition.';
