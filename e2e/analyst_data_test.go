package e2e

// What an analyst's queries and dashboards are tried on: two days (2026-01-01 and 02, UTC) of a case a minute, number n in minute n, in
// which the answers are known.
//   - Every fifth case is a dispute, the others refund_status. The AI has those with an even number; of the others the human has
//     n % 4 = 1, and n % 4 = 3 are escalated to one after the customer has asked, and 100 s after that or, where n % 8 = 7, 300 s + n/8 s; to 2839 nobody comes.
//   - On the second day the AI's model-2 is in use, and its disputes are rated 1 or 2 and complained about; all else is rated 4 or 5.
//   - 700 customers take turns, so all cases but the first 700 are repeats.
//   - The disputes 0, 10 and 20 of model-1 get a late rating of 1 on the second day.
var analystData = []string{
	`INSERT INTO records (ledger, partition, sequence, kind, source_offset, case_id, case_type, route, handler, handler_path, ai_model_version, policy_version,
    outcome, csat, complaint, escalated, signals, opened_at, human_requested_at, escalated_at, human_joined_at, concluded_at, commitment,
    resolution_bin, time_to_human_bin, ai_messages, guard_breach)
SELECT 'casetrail/test/0/1', 0, number, 'case', number, toString(number), type, multiIf(ai, 'ai_handled', escalated, 'ai_then_escalated', 'human_handled'),
    if(ai, 'ai', 'human'), multiIf(ai, 'ai', escalated, 'ai_then_escalated', 'human'), if(ai OR escalated, if(late, 'model-2', 'model-1'), ''), if(late, '2', '1'),
    'resolved_confirmed', if(bad, 1 + intDiv(number % 20, 10), 4 + number % 2), bad OR number % 40 = 7, escalated, if(escalated, ['human_request'], []), time - 600,
    if(escalated, time - 500, NULL), if(escalated, time - 500, NULL), if(escalated AND number != 2839, time - 500 + wait, NULL), time, SHA256(toString(number % 700)),
    600000, if(escalated AND number != 2839, wait * 1000, NULL), if(ai, 2, 0), number % 97 = 0
FROM (SELECT number, if(number % 5 = 0, 'dispute', 'refund_status') AS type, number % 2 = 0 AS ai, number % 4 = 3 AS escalated, number >= 1440 AS late,
    ai AND late AND type = 'dispute' AS bad, if(number % 8 = 7, 300 + intDiv(number, 8), 100) AS wait,
    toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + number * 60 AS time FROM numbers(2880))`,
	`INSERT INTO records (ledger, partition, sequence, kind, source_offset, case_id, case_type, route, handler, handler_path, csat, amended_at, amends_partition, amends_offset)
SELECT 'casetrail/test/0/1', 0, 2880 + number, 'amendment', 2880 + number, toString(10 * number), 'dispute', 'ai_handled', 'ai', 'ai', 1,
    toDateTime64('2026-01-02 12:00:00', 3, 'UTC'), 0, 10 * number FROM numbers(3)`,
	`INSERT INTO records (ledger, partition, sequence, kind, policy_version, applied_at, minimum_cases, human_within_ms, repeat_contact_ms, handlers)
SELECT 'casetrail/test/0/1', 0, 2883, 'policy', '2', toDateTime64('2026-01-02 00:00:00', 3, 'UTC'), 30, 180000, 604800000, ['ai', 'human', 'ai_then_escalated']`,
	`INSERT INTO partitions SELECT 0`,
	`INSERT INTO checkpoints (partition, ledger, size, time, offset)
SELECT 0, 'casetrail/test/0/1', if(number = 47, 2884, 60 * (number + 1)), toDateTime64('2026-01-01 01:00:00', 3, 'UTC') + 3600 * number, number FROM numbers(48)`,
	`INSERT INTO escalation_messages (partition, source_partition, source_offset, case_id, signal, case_type, from_handler, waiting_ms, escalated_at)
SELECT 0, 0, number, toString(number), ['human_request', 'duration'][number % 2 + 1], 'dispute', 'ai', 1000 * number, toDateTime64('2026-01-02 00:00:00', 3, 'UTC') + number * 60 FROM numbers(100)`,
	// Four messages about two episodes, of which one is masked and open, and a guard breach.
	`INSERT INTO alert_messages (partition, source_partition, source_offset, alert, case_type, handler, raised_at, summary, episode, state, at, metric, evidence, false_alarm_years,
    change, change_low, change_high, since, since_low, since_high, n)
SELECT 0, 0, number, ['drift', 'masked_drift'][number % 2 + 1], 'dispute', 'ai', toDateTime64('2026-01-02 08:00:00', 3, 'UTC') + number % 2 * 3600, 'CSAT fell',
    toString(number % 2), multiIf(number < 2, 'opened', number = 2, 'closed', 'updated'), toDateTime64('2026-01-02 08:00:00', 3, 'UTC') + number * 3600, 'csat', 100, 38,
    -3, -3.5, -2.5, toDateTime64('2026-01-02 00:00:00', 3, 'UTC'), toDateTime64('2026-01-01 22:00:00', 3, 'UTC'), toDateTime64('2026-01-02 02:00:00', 3, 'UTC'), 144
FROM numbers(4)`,
	`INSERT INTO alert_messages (partition, source_partition, source_offset, alert, case_type, handler, raised_at, summary, case_id)
SELECT 0, 0, 9, 'guard_breach', 'refund_status', 'ai', toDateTime64('2026-01-02 10:00:00', 3, 'UTC'), 'An AI wrote', '97'`,
	// The MetricRecords are what the views give, with a masking report in the last one, and none before.
	`INSERT INTO metric_messages (partition, source_offset, window, window_start, window_end, ` + metricFigures + `, no_masking)
SELECT 0, toUnixTimestamp(window_end) / 60, '24h', window_start, window_end, ` + metricFigures + `, if(case_type = 'all' AND handler = 'all', 'the reference period is not complete', '')
FROM segment_windows_24h WHERE window_end < '2026-01-03 00:00:00'`,
	`INSERT INTO metric_messages (partition, source_offset, window, window_start, window_end, ` + metricFigures + `, masking_aggregate0, masking_aggregate1, masking_within, masking_mix, masking_residual,
    masking_gross_up, masking_gross_down, masking_standardised1, masking_index, masking_masked, ` + "`masking_segments.case_type`, `masking_segments.handler`, `masking_segments.ratings0`, `masking_segments.ratings1`, `masking_segments.csat0`, `masking_segments.csat1`, `masking_segments.share0`, `masking_segments.share1`, `masking_segments.within`, `masking_segments.mix`, `masking_segments.alerted`" + `)
WITH case_type = 'all' AND handler = 'all' AS total
SELECT 0, toUnixTimestamp(window_end) / 60, '24h', window_start, window_end, ` + metricFigures + `, if(total, 4.5, NULL), if(total, 4.51, NULL), if(total, 0.02, NULL), if(total, -0.01, NULL), if(total, 0, NULL),
    if(total, 0.32, NULL), if(total, -0.3, NULL), if(total, 4.52, NULL), if(total, 0.98, NULL), if(total, false, NULL), if(total, ['dispute', 'refund_status'], []), if(total, ['ai', 'ai'], []),
    if(total, [144, 576], []), if(total, [144, 576], []), if(total, [4.5, 4.4], []), if(total, [1.5, 4.8], []), if(total, [0.1, 0.8], []), if(total, [0.1, 0.8], []),
    if(total, [-0.3, 0.32], []), if(total, [-0.01, 0], []), if(total, [false, false], [])
FROM segment_windows_24h WHERE window_end = '2026-01-03 00:00:00'`,
}

// metricFigures are the columns that the windows and the metric records have in common.
const metricFigures = `case_type, handler, cases, ratings, csat_sum, csat_counts, complaints, escalated, signals, guard_breaches, outcomes, resolution_ms_sum,
    human_requests, human_requests_met, human_in_time, time_to_human_ms_sum, time_to_human_cases, synthetic, identified, repeats, share, enough, enough_ratings, csat,
    csat_low, csat_high, response_rate, complaint_rate, escalation_rate, repeat_rate, human_in_time_rate, resolution_ms_p50, resolution_ms_p90, time_to_human_ms_p50,
    time_to_human_ms_p90, time_to_human_ms_p99`
