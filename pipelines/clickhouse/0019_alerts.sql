-- +goose Up
-- Of an episode the last message; of a guard breach, which has no episode, the only one.
CREATE VIEW IF NOT EXISTS alerts AS
SELECT *
FROM alert_messages FINAL
ORDER BY source_partition, source_offset DESC, source_ordinal DESC
LIMIT 1 BY if(episode IS NULL, (toString(source_partition), source_offset, source_ordinal), (assumeNotNull(episode), toInt64(-1), toInt32(-1)));
