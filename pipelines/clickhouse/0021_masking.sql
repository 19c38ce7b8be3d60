-- +goose Up
-- The masking report of each window, one row a segment: how much of the change of the aggregate CSAT since the reference period
-- comes from that segment.
CREATE VIEW IF NOT EXISTS masking AS
SELECT
    m.window AS window,
    m.window_start AS window_start,
    m.window_end AS window_end,
    m.reference_start AS reference_start,
    m.reference_end AS reference_end,
    s.case_type AS case_type,
    s.handler AS handler,
    s.ratings0 AS ratings0,
    s.ratings1 AS ratings1,
    s.csat0 AS csat0,
    s.csat1 AS csat1,
    s.share0 AS share0,
    s.share1 AS share1,
    s.within AS within,
    s.mix AS mix,
    assumeNotNull(m.masking_aggregate0) AS aggregate0,
    assumeNotNull(m.masking_aggregate1) AS aggregate1,
    assumeNotNull(m.masking_within) AS within_sum,
    assumeNotNull(m.masking_mix) AS mix_sum,
    assumeNotNull(m.masking_gross_up) AS gross_up,
    assumeNotNull(m.masking_gross_down) AS gross_down,
    assumeNotNull(m.masking_standardised1) AS standardised1,
    assumeNotNull(m.masking_index) AS index
FROM metric_messages AS m FINAL
ARRAY JOIN m.masking_segments AS s
WHERE m.case_type = 'all' AND m.handler = 'all';
