-- Signals: their partitions and runs of days. The audit: its entries' leaves, and the view of all of it.

CREATE OR REPLACE FUNCTION core.make_signal_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    this_month CONSTANT date := date_trunc('month', now() AT TIME ZONE 'UTC');
    first_day  date;
    name       text;
    created    integer := 0;
BEGIN
    IF months_ahead IS NULL OR months_ahead NOT BETWEEN 0 AND 120 THEN
        RAISE EXCEPTION 'months_ahead must be 0 to 120' USING ERRCODE = 'ES422';
    END IF;
    PERFORM pg_advisory_xact_lock('core.signals'::regclass::integer, 1);
    FOR first_day IN
        SELECT (this_month + n * interval '1 month')::date FROM generate_series(-1, months_ahead) n
    LOOP
        name := 'signals_' || to_char(first_day, 'YYYY_MM');
        CONTINUE WHEN to_regclass('core.' || name) IS NOT NULL;
        -- Not CREATE … PARTITION OF: that locks the whole table out; ATTACH lets signals go on.
        EXECUTE format('CREATE TABLE core.%I (LIKE core.signals INCLUDING ALL)', name);
        EXECUTE format('COMMENT ON TABLE core.%I IS %L', name,
                       to_char(first_day, '"Life signals of the days of "YYYY-MM"."'));
        EXECUTE format('ALTER TABLE core.signals ATTACH PARTITION core.%I FOR VALUES FROM (%L) TO (%L)',
                       name, first_day, (first_day + interval '1 month')::date);
        CALL bus.make_append_only(to_regclass('core.' || name));
        created := created + 1;
    END LOOP;
    RETURN created;
END
$$;
COMMENT ON FUNCTION core.make_signal_partitions(integer) IS 'Makes the monthly partitions of core.signals from last month to months_ahead months from now that are not there yet, append-only like the table; yields how many were made.';

-- VOLATILE: it looks with a snapshot of its own. The statement that calls it may have waited for
-- another process's signal of the same member, which its own older snapshot does not show.
CREATE OR REPLACE FUNCTION core.run_before(member_id bigint, day date) RETURNS integer
LANGUAGE sql VOLATILE SET search_path = pg_catalog AS $$
    WITH RECURSIVE run (day) AS (
        SELECT run_before.day
        UNION ALL
        SELECT run.day - 1 FROM run
        WHERE EXISTS (SELECT FROM core.signals s
                      WHERE s.member_id = run_before.member_id AND s.signal_day = run.day - 1)
    ) SELECT count(*)::integer - 1 FROM run
$$;
COMMENT ON FUNCTION core.run_before(bigint, date) IS 'Days in a row with a signal that end on the day before.';

-- By a trigger, so that no entry is without a leaf, whoever writes it; DEFINER, so that a writer of
-- the audit needs no right on the log. The text is what row_to_json() makes of it; v1 as for signals.
CREATE OR REPLACE FUNCTION core.anchor_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    NEW.leaf_id := nextval('anchor.leaf_ids');
    NEW.salt := substr(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, 16);
    SELECT row_to_json(e)::text INTO NEW.event FROM (
        SELECT 1 AS v, NEW.event_type AS type,
               (SELECT encode(m.public_id, 'hex') FROM core.members m WHERE m.member_id = NEW.member_id) AS subject,
               NEW.actor, NEW.request_id, NEW.data,
               to_char(NEW.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at) e;
    INSERT INTO anchor.leaves (leaf_id, hash, source)
    VALUES (NEW.leaf_id, sha256('\x00'::bytea || NEW.salt || convert_to(NEW.event, 'UTF8')), 'audit');
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION core.anchor_audit() IS 'Trigger of core.audit_log: gives the entry its salt and event text, and asks for the anchoring of its leaf.';

CREATE OR REPLACE VIEW core.audit AS
    SELECT a.member_id, a.event_type, a.actor, a.request_id, a.data, t.txid, a.created_at
    FROM (
        SELECT member_id, event_type, actor, request_id, data, leaf_id, created_at FROM core.audit_log
        UNION ALL
        SELECT member_id, 'signal', 'member:' || encode(actor, 'hex'), request_id,
               jsonb_build_object('signal_id', signal_id::text, 'day', signal_day, 'slot', slot,
                                  'channel', channel, 'evidence', evidence),
               signal_id, received_at
        FROM core.signals) a
    LEFT JOIN anchor.entries e USING (leaf_id)
    LEFT JOIN LATERAL (
        SELECT covering.checkpoint_id FROM anchor.checkpoints covering
        WHERE covering.size > e.leaf_index ORDER BY covering.size LIMIT 1) c ON true
    LEFT JOIN anchor.transactions t
        ON t.checkpoint_id = c.checkpoint_id AND t.state IN ('sent', 'seen', 'mined', 'final');
COMMENT ON VIEW core.audit IS 'Everything done to members: core.audit_log, and each signal as an entry of its own.';
COMMENT ON COLUMN core.audit.member_id IS 'Member concerned.';
COMMENT ON COLUMN core.audit.event_type IS 'What was done; signal for a signal.';
COMMENT ON COLUMN core.audit.actor IS 'Who, as in core.audit_log; member: and the hash of the token for a signal.';
COMMENT ON COLUMN core.audit.request_id IS 'Request or command that did it.';
COMMENT ON COLUMN core.audit.data IS 'Facts by id; nothing personal.';
COMMENT ON COLUMN core.audit.txid IS 'Transaction that anchors it, internal byte order; NULL until somebody took that transaction.';
COMMENT ON COLUMN core.audit.created_at IS 'When.';
