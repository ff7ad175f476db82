-- Bus: what operators and the relay need beyond plain statements.

CREATE OR REPLACE FUNCTION bus.replay_parked(parked_consumer text, parked_event bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    written xid8;
BEGIN
    SELECT o.written_by INTO written FROM bus.outbox o WHERE o.event_id = parked_event;
    IF NOT FOUND THEN
        RETURN false; -- too old: the outbox no longer has it
    END IF;
    DELETE FROM bus.failures f
     WHERE f.consumer = parked_consumer AND f.event_id = parked_event AND f.parked_at IS NOT NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM bus.inbox i WHERE i.consumer = parked_consumer AND i.event_id = parked_event;
    UPDATE bus.consumers c SET taken_below = written
     WHERE c.consumer = parked_consumer AND c.taken_below > written;
    RETURN true;
END
$$;
COMMENT ON FUNCTION bus.replay_parked(text, bigint) IS 'Gives a consumer a parked event again (C16). False when it is not parked or the outbox no longer has it.';

-- Transaction ids of another server, brought here by a logical restore, may lie in this server's
-- future: such events would wait for ever and such marks would hide what is written from now on.
-- What a statement sees was written below its own snapshot's xmax, so nothing of ours is touched.
CREATE OR REPLACE FUNCTION bus.adopt_restored() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    adopted boolean;
BEGIN
    UPDATE bus.outbox o SET written_by = pg_current_xact_id()
     WHERE o.written_by >= pg_snapshot_xmax(pg_current_snapshot());
    adopted := FOUND;
    UPDATE bus.relay_position p
       SET passed = '1:1:', target = NULL, event_id = 0, moved_at = clock_timestamp()
     WHERE pg_snapshot_xmax(coalesce(p.target, p.passed)) > pg_snapshot_xmax(pg_current_snapshot());
    adopted := adopted OR FOUND;
    UPDATE bus.consumers c SET taken_below = '0', moved_at = clock_timestamp()
     WHERE c.taken_below >= pg_snapshot_xmax(pg_current_snapshot());
    RETURN adopted OR FOUND;
END
$$;
COMMENT ON FUNCTION bus.adopt_restored() IS 'Called by a relay that takes over: brings events and marks whose transaction ids came from another server (logical restore) into this server''s order; everything is then delivered again and the inboxes leave out what was done. True when there was something.';
