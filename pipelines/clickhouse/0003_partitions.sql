-- +goose Up
CREATE TABLE IF NOT EXISTS partitions
(
    partition Int32 COMMENT 'A partition of conduct.records.'
)
ENGINE = ReplacingMergeTree
ORDER BY partition
COMMENT 'The partitions that must have a checkpoint after a window''s end before the window is shown.';
