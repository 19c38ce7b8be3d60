-- +goose Up
CREATE VIEW IF NOT EXISTS escalations AS
SELECT * FROM escalation_messages FINAL;
