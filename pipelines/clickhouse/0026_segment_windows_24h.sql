-- +goose Up
-- Segments over 24 hours, ending every hour.
CREATE VIEW IF NOT EXISTS segment_windows_24h AS
SELECT * FROM segment_windows(length = 86400, step = 3600);
