-- For a ClickHouse server with access control (not the embedded engine, which has no users): apply once, as an
-- administrator, in Casetrail's database, after the sink has made its tables. Then create users with passwords of your own:
--   CREATE USER sink IDENTIFIED BY '...' DEFAULT ROLE casetrail_sink;
--   CREATE USER anna IDENTIFIED BY '...' DEFAULT ROLE casetrail_analyst;

-- The sink writes its tables, reads them to go on where it stopped, and applies the schema at its start.
CREATE ROLE IF NOT EXISTS casetrail_sink;
GRANT SELECT, INSERT, CREATE DATABASE, CREATE TABLE, CREATE VIEW, ALTER, SHOW ON casetrail.* TO casetrail_sink;

-- Analysts read. readonly = 2 lets their tools set harmless settings.
CREATE ROLE IF NOT EXISTS casetrail_analyst SETTINGS readonly = 2, max_execution_time = 60, max_memory_usage = 8000000000;
GRANT SELECT, SHOW ON casetrail.* TO casetrail_analyst;

-- Once one policy stands on a table, whoever has none sees no rows: so all who may see everything are named.
-- A line of business that must see its own cases alone gets a role and a policy like the second.
CREATE ROW POLICY IF NOT EXISTS everything ON casetrail.records USING 1 TO casetrail_sink, casetrail_analyst;
-- CREATE ROLE casetrail_retail SETTINGS readonly = 2;
-- GRANT SELECT ON casetrail.cases TO casetrail_retail;
-- GRANT SELECT ON casetrail.records TO casetrail_retail;
-- CREATE ROW POLICY retail ON casetrail.records USING kind = 'amendment' OR workflow = 'retail' TO casetrail_retail;
