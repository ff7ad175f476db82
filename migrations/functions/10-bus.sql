-- Events: what is old and published goes.

CREATE OR REPLACE FUNCTION bus.retention() RETURNS interval
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$ SELECT interval '7 days' $$;
COMMENT ON FUNCTION bus.retention() IS 'How long events are kept, and after which nobody takes them in any more.';

CREATE OR REPLACE FUNCTION bus.prune() RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    retention CONSTANT interval := bus.retention();
    batch     CONSTANT integer := 50000; -- rows looked at in each table, so that no call runs long
    published CONSTANT pg_snapshot[] := ARRAY(SELECT passed FROM bus.relay_position);
    events    bigint;
    taken     bigint;
BEGIN
    WITH oldest AS MATERIALIZED (
        SELECT event_id, written_by, created_at FROM bus.outbox ORDER BY event_id LIMIT batch
    ), gone AS (
        DELETE FROM bus.outbox o USING oldest
        WHERE o.event_id = oldest.event_id AND oldest.created_at < now() - retention
          AND NOT EXISTS (SELECT FROM unnest(published) AS passed
                          WHERE NOT pg_visible_in_snapshot(oldest.written_by, passed))
        RETURNING 1
    ) SELECT count(*) INTO events FROM gone;
    -- A record of taking may go only after its event: else the event could be taken again.
    WITH oldest AS MATERIALIZED (
        SELECT i.consumer, i.event_id, i.taken_at
        FROM (SELECT DISTINCT consumer FROM bus.inbox) c
        CROSS JOIN LATERAL (
            SELECT * FROM bus.inbox WHERE consumer = c.consumer ORDER BY event_id LIMIT batch) i
    ), gone AS (
        DELETE FROM bus.inbox i USING oldest
        WHERE i.consumer = oldest.consumer AND i.event_id = oldest.event_id
          AND oldest.taken_at < now() - retention
          AND NOT EXISTS (SELECT FROM bus.outbox o WHERE o.event_id = i.event_id)
        RETURNING 1
    ) SELECT count(*) INTO taken FROM gone;
    DELETE FROM bus.failures f
        WHERE NOT EXISTS (SELECT FROM bus.outbox o WHERE o.event_id = f.event_id);
    RETURN jsonb_build_object('outbox', events, 'inbox', taken);
END
$$;
COMMENT ON FUNCTION bus.prune() IS 'Removes events that are older than 7 days and published, then the inbox records and failures of such events. Yields the counts of the first two.';
