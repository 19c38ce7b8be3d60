-- +goose Up
CREATE TABLE IF NOT EXISTS partitions
(
    partition Int32 COMMENT 'A partition of conduct.records.'
)
ENGINE = ReplacingMergeTree
ORDER BY partition
SETTINGS non_replicated_deduplication_window = 0
COMMENT 'The partitions that must have a checkpoint after a window''s end before the window is shown.';
