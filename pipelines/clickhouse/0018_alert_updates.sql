-- +goose Up
-- Every message about an alert once: how the evidence of an episode grew.
CREATE VIEW IF NOT EXISTS alert_updates AS
SELECT * FROM alert_messages FINAL;
