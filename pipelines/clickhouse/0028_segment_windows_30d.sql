-- +goose Up
-- Segments over 30 days, ending every day of UTC.
CREATE VIEW IF NOT EXISTS segment_windows_30d AS
SELECT * FROM segment_windows(length = 2592000, step = 86400);
