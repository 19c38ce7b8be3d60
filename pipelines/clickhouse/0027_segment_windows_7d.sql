-- +goose Up
-- Segments over 7 days, ending every hour.
CREATE VIEW IF NOT EXISTS segment_windows_7d AS
SELECT * FROM segment_windows(length = 604800, step = 3600);
