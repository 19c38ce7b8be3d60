-- +goose Up
-- Late ratings and complaints, each as it came.
CREATE VIEW IF NOT EXISTS amendments AS
SELECT
    ledger,
    partition,
    sequence,
    source_partition,
    source_offset,
    source_ordinal,
    amends_partition,
    amends_offset,
    amends_ordinal,
    case_id,
    case_type,
    route,
    handler,
    handler_path,
    amended_at,
    csat,
    complaint,
    synthetic
FROM records
WHERE kind = 'amendment';
