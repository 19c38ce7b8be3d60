-- +goose Up
CREATE VIEW IF NOT EXISTS alerts AS
SELECT * FROM alert_messages FINAL;
