-- Every entry of the audit log becomes a leaf of the log, as every signal is one (E88, FE15): what was
-- changed, invented or taken out is found from the anchored roots. Reverse: drop the trigger, its function
-- and the columns; leaves that are in the log stay there.

ALTER TABLE anchor.leaves ADD COLUMN source text CHECK (source = 'audit');
ALTER TABLE anchor.entries ADD COLUMN source text CHECK (source = 'audit');
CREATE INDEX entries_of_audit ON anchor.entries (leaf_id) WHERE source IS NOT NULL;
COMMENT ON COLUMN anchor.leaves.source IS 'Where its event is: audit for core.audit_log; NULL (which takes no room) for core.signals.';
COMMENT ON COLUMN anchor.entries.source IS 'As in anchor.leaves.';

-- Entries that are there already get theirs: adding a column with such a default rewrites the table,
-- which no trigger minds.
ALTER TABLE core.audit_log ADD COLUMN leaf_id bigint NOT NULL DEFAULT nextval('anchor.leaf_ids');
ALTER TABLE core.audit_log ADD COLUMN salt bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()) CHECK (octet_length(salt) = 16);
ALTER TABLE core.audit_log ADD COLUMN event text NOT NULL DEFAULT '{}';
ALTER TABLE core.audit_log ADD CONSTRAINT audit_log_leaf_id_key UNIQUE (leaf_id);
ALTER TABLE core.audit_log DISABLE TRIGGER append_only_row;
UPDATE core.audit_log u SET event = row_to_json(e)::text
    FROM core.audit_log o LEFT JOIN core.members m USING (member_id)
    CROSS JOIN LATERAL (
        SELECT 1 AS v, o.event_type AS type, encode(m.public_id, 'hex') AS subject, o.actor,
               o.request_id, o.data,
               to_char(o.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at) e
    WHERE o.audit_id = u.audit_id;
ALTER TABLE core.audit_log ENABLE ALWAYS TRIGGER append_only_row;
INSERT INTO anchor.leaves (leaf_id, hash, source)
    SELECT leaf_id, sha256('\x00'::bytea || salt || convert_to(event, 'UTF8')), 'audit' FROM core.audit_log;
ALTER TABLE core.audit_log ALTER COLUMN leaf_id DROP DEFAULT, ALTER COLUMN salt DROP DEFAULT,
    ALTER COLUMN event DROP DEFAULT;
COMMENT ON COLUMN core.audit_log.leaf_id IS 'Its leaf of the log.';
COMMENT ON COLUMN core.audit_log.salt IS 'Random: without it the leaf tells nothing.';
COMMENT ON COLUMN core.audit_log.event IS 'The event text the leaf commits to, byte for byte.';

-- Its body is in functions/, where it may change.
CREATE FUNCTION core.anchor_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
-- Not ALWAYS: what comes by replication has its leaf already.
CREATE TRIGGER anchor_audit BEFORE INSERT ON core.audit_log FOR EACH ROW EXECUTE FUNCTION core.anchor_audit();
