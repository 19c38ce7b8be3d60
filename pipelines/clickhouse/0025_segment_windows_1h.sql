-- +goose Up
-- Segments over 1 hour, ending every minute.
CREATE VIEW IF NOT EXISTS segment_windows_1h AS
SELECT * FROM segment_windows(length = 3600, step = 60);
