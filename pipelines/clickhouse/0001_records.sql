-- +goose Up
CREATE TABLE IF NOT EXISTS records
(
    ledger             LowCardinality(String)                 COMMENT 'The ledger: deployment/environment/partition/generation.',
    partition          Int32                                  COMMENT 'The partition of conduct.records that holds the ledger.',
    sequence           Int64                                  COMMENT 'The record''s place in its ledger: 0, 1, 2 and so on, without gaps.',
    kind               LowCardinality(String)                 COMMENT 'What the record says: genesis, case, amendment, policy, key_rotation, erasure or seal.',
    leaf_hash          FixedString(32)                        COMMENT 'SHA-256(0x00 || body): the leaf of the Merkle tree, and what the next record names as its predecessor.',
    key_id             FixedString(4)                         COMMENT 'The signed-note key id of the key that signed.',
    source_partition   Int32                                  COMMENT 'Position of what caused the record: partition. -1 for genesis.',
    source_offset      Int64                                  COMMENT 'Position of what caused the record: offset in that partition. -1 for genesis.',
    source_ordinal     Int32                                  COMMENT 'Position of what caused the record: which of that input''s outputs.',
    workflow           LowCardinality(String)                 COMMENT 'Case: the line of business, from the policy.',
    case_id            String                                 COMMENT 'Case, amendment: the case.',
    case_type          LowCardinality(String)                 COMMENT 'Case, amendment: the type by which the case was routed, or unknown.',
    route              LowCardinality(String)                 COMMENT 'Case, amendment: ai_handled, human_handled or ai_then_escalated.',
    handler            LowCardinality(String)                 COMMENT 'Case, amendment: who had the case at its conclusion, ai or human.',
    handler_path       LowCardinality(String)                 COMMENT 'Case, amendment: the handler of its segment, by route: ai, human or ai_then_escalated.',
    ai_model_version   LowCardinality(String)                 COMMENT 'Case: the last model that wrote on it; empty where none did. With ai_messages 0 it only greeted.',
    classifier_version LowCardinality(String)                 COMMENT 'Case: the models that typed it.',
    policy_version     LowCardinality(String)                 COMMENT 'Case: the policy under which it was routed at first contact. Policy: the version that took effect.',
    outcome            LowCardinality(String)                 COMMENT 'Case: resolved_confirmed, resolved_unconfirmed, abandoned, transferred or unresolved.',
    csat               Nullable(UInt8)                        COMMENT 'Case: the rating before its conclusion. Amendment: the late rating. 1 to 5.',
    complaint          Bool                                   COMMENT 'Case: a complaint was lodged before its conclusion. Amendment: it is a late complaint.',
    escalated          Bool                                   COMMENT 'Case: a tripwire pulled a human in.',
    signals            Array(LowCardinality(String))          COMMENT 'Case: the tripwires that fired, in that order.',
    opened_at          DateTime64(3, 'UTC')                   COMMENT 'Case: its first event.',
    human_requested_at Nullable(DateTime64(3, 'UTC'))         COMMENT 'Case: when the customer first asked for a human.',
    escalated_at       Nullable(DateTime64(3, 'UTC'))         COMMENT 'Case: when the first tripwire fired.',
    human_joined_at    Nullable(DateTime64(3, 'UTC'))         COMMENT 'Case: when a human agent first joined or wrote.',
    concluded_at       DateTime64(3, 'UTC')                   COMMENT 'Case: when it was concluded. 1970 for other kinds.',
    amended_at         DateTime64(3, 'UTC')                   COMMENT 'Amendment: when the rating or complaint came. 1970 for other kinds.',
    customer_messages  UInt32                                 COMMENT 'Case: messages of the customer.',
    ai_messages        UInt32                                 COMMENT 'Case: messages of the AI, without greetings.',
    human_messages     UInt32                                 COMMENT 'Case: messages of human agents.',
    guard_breach       Bool                                   COMMENT 'Case: an AI wrote while the case was not the AI''s.',
    synthetic          Bool                                   COMMENT 'Case, amendment: a simulation made it.',
    commitment         FixedString(32)                        COMMENT 'Case: the salted commitment to the customer''s id; zeros where none was given.',
    amends_partition   Int32                                  COMMENT 'Amendment: the source position of the case record that it amends, partition.',
    amends_offset      Int64                                  COMMENT 'Amendment: the source position of the case record that it amends, offset.',
    amends_ordinal     Int32                                  COMMENT 'Amendment: the source position of the case record that it amends, ordinal.',
    body               String                                 COMMENT 'The signed record as it stands in Kafka: payload, key id, signature. All other columns follow from it.',
    INDEX concluded_at concluded_at TYPE minmax GRANULARITY 1,
    INDEX case_id case_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = MergeTree
ORDER BY (partition, ledger, sequence)
-- A block that is sent again within the last 100,000 is dropped by its token. It is made durable before its checkpoint.
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The ledger, one row a record. Inserted in blocks that end at checkpoints, so it is always a prefix that verifies.';
