-- +goose Up
-- The MetricRecords, every window once, one row a segment: final, and signed by the aggregator.
CREATE VIEW IF NOT EXISTS metrics AS
SELECT * FROM metric_messages FINAL;
