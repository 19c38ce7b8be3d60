-- +goose Up
CREATE VIEW IF NOT EXISTS metrics AS
SELECT * FROM metric_messages FINAL;
