-- +goose Up
-- Every escalation once.
CREATE VIEW IF NOT EXISTS escalations AS
SELECT * FROM escalation_messages FINAL;
