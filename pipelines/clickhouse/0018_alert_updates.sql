-- +goose Up
CREATE VIEW IF NOT EXISTS alert_updates AS
SELECT * FROM alert_messages FINAL;
