-- +goose Up
-- Every case, with the ratings and complaints that came after its conclusion folded in.
-- Amendments carry the source position of the case that they amend; with the case's id it names one case for ever.
-- Their order is the ledger's: a later generation of it comes later, and its number is the last part of its name.
CREATE VIEW IF NOT EXISTS cases AS
SELECT
    r.ledger AS ledger,
    r.partition AS partition,
    r.sequence AS sequence,
    r.source_partition AS source_partition,
    r.source_offset AS source_offset,
    r.source_ordinal AS source_ordinal,
    r.workflow AS workflow,
    r.case_id AS case_id,
    r.case_type AS case_type,
    r.route AS route,
    r.handler AS handler,
    r.handler_path AS handler_path,
    r.ai_model_version AS ai_model_version,
    r.classifier_version AS classifier_version,
    r.policy_version AS policy_version,
    r.outcome AS outcome,
    if(a.csat IS NULL, r.csat, a.csat) AS csat,
    r.complaint OR a.complaint AS complaint,
    r.escalated AS escalated,
    r.signals AS signals,
    r.opened_at AS opened_at,
    r.human_requested_at AS human_requested_at,
    r.escalated_at AS escalated_at,
    r.human_joined_at AS human_joined_at,
    r.concluded_at AS concluded_at,
    if(a.amendments = 0, NULL, a.amended_at) AS amended_at,
    a.amendments AS amendments,
    r.customer_messages AS customer_messages,
    r.ai_messages AS ai_messages,
    r.human_messages AS human_messages,
    r.guard_breach AS guard_breach,
    r.synthetic AS synthetic,
    r.commitment AS commitment
FROM records AS r
LEFT JOIN
(
    SELECT
        case_id,
        amends_partition,
        amends_offset,
        amends_ordinal,
        argMax(csat, (toUInt64OrZero(splitByChar('/', toString(ledger))[-1]), sequence)) AS csat,
        max(complaint) AS complaint,
        max(amended_at) AS amended_at,
        count() AS amendments
    FROM amendments
    GROUP BY case_id, amends_partition, amends_offset, amends_ordinal
) AS a
    ON a.case_id = r.case_id
    AND a.amends_partition = r.source_partition
    AND a.amends_offset = r.source_offset
    AND a.amends_ordinal = r.source_ordinal
WHERE r.kind = 'case';
