-- Bus: how a consumer group takes events in, and what operators and the relay need beyond plain
-- statements. The first five run with the rights of the process that calls them.

-- The mark goes up to the first settled event that is open, else past the last settled one seen; a
-- topic of which only the beginning was looked at holds it back. WITH TIES: a transaction is seen
-- whole or not at all, so "below" stays exact.
CREATE OR REPLACE FUNCTION bus.survey(of_consumer text, topics text[], at_most bigint)
RETURNS TABLE (waiting bigint, oldest_ms bigint)
LANGUAGE plpgsql SET search_path = pg_catalog ROWS 1 AS $$
DECLARE
    mark CONSTANT xid8 := coalesce((SELECT c.taken_below FROM bus.consumers c
                                    WHERE c.consumer = of_consumer), '0');
    oldest  CONSTANT timestamptz := clock_timestamp() - bus.retention();
    running CONSTANT xid8 := pg_snapshot_xmin(pg_current_snapshot());
    reached xid8;
    since   timestamptz;
BEGIN
    -- A failure that was noted while somebody else took the event is none.
    DELETE FROM bus.failures f
     WHERE f.consumer = of_consumer AND f.parked_at IS NULL
       AND EXISTS (SELECT FROM bus.inbox i WHERE i.consumer = of_consumer AND i.event_id = f.event_id);
    WITH ahead AS MATERIALIZED (
        SELECT t.topic, o.written_by, o.created_at, i.taken IS NULL AS open, o.written_by < running AS settled
          FROM unnest(topics) AS t (topic)
         CROSS JOIN LATERAL (
            SELECT b.event_id, b.written_by, b.created_at FROM bus.outbox b
             WHERE b.topic = t.topic AND b.written_by >= mark AND b.created_at > oldest
             ORDER BY b.written_by FETCH FIRST at_most ROWS WITH TIES) AS o
          LEFT JOIN LATERAL (
            SELECT true AS taken FROM bus.inbox n
             WHERE n.consumer = of_consumer AND n.event_id = o.event_id LIMIT 1) AS i ON true
    ), of_topic AS (
        SELECT min(written_by) FILTER (WHERE open AND settled) AS first_open,
               ((max(written_by) FILTER (WHERE settled))::text::numeric + 1)::text::xid8 AS beyond,
               count(*) >= at_most AS cut, count(*) FILTER (WHERE open) AS open,
               min(created_at) FILTER (WHERE open) AS since
          FROM ahead GROUP BY topic
    )
    SELECT coalesce(min(CASE WHEN t.cut THEN coalesce(t.first_open, t.beyond) ELSE t.first_open END), max(t.beyond)),
           coalesce(sum(t.open), 0), min(t.since)
      INTO reached, waiting, since FROM of_topic t;
    INSERT INTO bus.consumers AS c (consumer, taken_below)
    SELECT of_consumer, reached WHERE reached > mark
        ON CONFLICT (consumer) DO UPDATE SET taken_below = excluded.taken_below, moved_at = clock_timestamp()
     WHERE c.taken_below < excluded.taken_below;
    oldest_ms := greatest(0, coalesce(extract(epoch FROM clock_timestamp() - since) * 1000, 0))::bigint;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION bus.survey(text, text[], bigint) IS 'How many events of these topics a consumer group has not taken (looking at so many a topic at most) and the age of the oldest; moves the group''s mark up.';

CREATE OR REPLACE FUNCTION bus.waiting(of_consumer text, topics text[], at_most bigint, min_age_ms bigint)
RETURNS TABLE (event_id bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
    mark CONSTANT xid8 := coalesce((SELECT c.taken_below FROM bus.consumers c
                                    WHERE c.consumer = of_consumer), '0');
    oldest   CONSTANT timestamptz := clock_timestamp() - bus.retention();
    youngest CONSTANT timestamptz := clock_timestamp() - min_age_ms * interval '1 millisecond';
BEGIN
    RETURN QUERY
    SELECT e.event_id
      FROM unnest(topics) AS t (topic)
     CROSS JOIN LATERAL (
        SELECT o.event_id, o.written_by FROM bus.outbox o
         WHERE o.topic = t.topic AND o.written_by >= mark
           AND o.created_at > oldest AND o.created_at <= youngest
           AND NOT EXISTS (SELECT FROM bus.inbox i
                            WHERE i.consumer = of_consumer AND i.event_id = o.event_id)
           AND NOT EXISTS (SELECT FROM bus.failures f
                            WHERE f.consumer = of_consumer AND f.event_id = o.event_id
                              AND f.next_at > clock_timestamp())
         ORDER BY o.written_by, o.event_id LIMIT at_most) AS e
     ORDER BY e.written_by, e.event_id LIMIT at_most;
END
$$;
COMMENT ON FUNCTION bus.waiting(text, text[], bigint, bigint) IS 'The oldest events that a consumer group has not taken and is not to leave alone for now, at least so many milliseconds old.';

CREATE OR REPLACE FUNCTION bus.take(by_consumer text, event bigint, topics text[])
RETURNS TABLE (topic text, payload text)
LANGUAGE plpgsql SET search_path = pg_catalog ROWS 1 AS $$
BEGIN
    SELECT o.topic, o.payload::text INTO topic, payload FROM bus.outbox o
     WHERE o.event_id = event AND o.topic = ANY (topics)
       AND o.created_at > clock_timestamp() - bus.retention();
    IF FOUND THEN -- waits while another transaction is taking the event
        INSERT INTO bus.inbox (consumer, event_id) VALUES (by_consumer, event) ON CONFLICT DO NOTHING;
        IF FOUND THEN
            RETURN NEXT;
        END IF;
    END IF;
    DELETE FROM bus.failures f
     WHERE f.consumer = by_consumer AND f.event_id = event AND f.parked_at IS NULL;
END
$$;
COMMENT ON FUNCTION bus.take(text, bigint, text[]) IS 'Records an event as taken, in the transaction of its effect: its topic and payload, or no row when it was taken before, is unknown, too old or of another topic.';

CREATE OR REPLACE FUNCTION bus.pause_after(tries integer) RETURNS timestamptz
LANGUAGE sql VOLATILE SET search_path = pg_catalog AS $$
    SELECT clock_timestamp() + least(power(2, tries - 1), 60) * interval '1 second'
$$;
COMMENT ON FUNCTION bus.pause_after(integer) IS 'When to try again after so many tries: in 1, 2, 4 … 60 s.';

CREATE OR REPLACE FUNCTION bus.begin_try(of_consumer text, event bigint, tries_to_park integer) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    noted bus.failures;
BEGIN
    INSERT INTO bus.failures AS f (consumer, event_id, failures, last_error, next_at)
    VALUES (of_consumer, event, 1, 'unfinished', bus.pause_after(1))
    ON CONFLICT (consumer, event_id) DO UPDATE SET
        failures   = least(f.failures + 1, tries_to_park),
        last_error = CASE WHEN f.failures < tries_to_park THEN 'unfinished' ELSE f.last_error END,
        next_at    = CASE WHEN f.failures < tries_to_park THEN bus.pause_after(f.failures + 1) END,
        parked_at  = CASE WHEN f.failures >= tries_to_park THEN clock_timestamp() END
     WHERE f.next_at <= clock_timestamp() -- else somebody is at it, or has parked it
    RETURNING * INTO noted;
    IF EXISTS (SELECT FROM bus.inbox i WHERE i.consumer = of_consumer AND i.event_id = event) THEN
        DELETE FROM bus.failures f
         WHERE f.consumer = of_consumer AND f.event_id = event AND f.event_id = noted.event_id;
        RETURN 'done';
    END IF;
    IF noted.event_id IS NULL THEN
        RETURN 'busy';
    END IF;
    IF noted.parked_at IS NULL THEN
        RETURN 'go';
    END IF;
    INSERT INTO bus.inbox (consumer, event_id) VALUES (of_consumer, event) ON CONFLICT DO NOTHING;
    RETURN 'parked';
END
$$;
COMMENT ON FUNCTION bus.begin_try(text, bigint, integer) IS 'Counts a try of an event before it is made: go, done (taken already), busy (somebody is at it, or its pause is not over) or parked (one try too many came to no end).';

CREATE OR REPLACE FUNCTION bus.fail_try(of_consumer text, event bigint, error text, uncounted integer,
                                        tries_to_park integer) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    noted bus.failures;
BEGIN
    INSERT INTO bus.failures AS f (consumer, event_id, failures, last_error, next_at)
    VALUES (of_consumer, event, 1, error, bus.pause_after(1))
    ON CONFLICT (consumer, event_id) DO UPDATE SET
        failures = f.failures + uncounted, last_error = excluded.last_error,
        next_at = bus.pause_after(f.failures + uncounted)
     WHERE f.parked_at IS NULL
    RETURNING * INTO noted;
    IF EXISTS (SELECT FROM bus.inbox i WHERE i.consumer = of_consumer AND i.event_id = event) THEN
        DELETE FROM bus.failures f -- somebody else has taken it in
         WHERE f.consumer = of_consumer AND f.event_id = event AND f.parked_at IS NULL;
        RETURN false;
    END IF;
    IF noted.failures < tries_to_park THEN
        RETURN false;
    END IF;
    UPDATE bus.failures f SET next_at = NULL, parked_at = clock_timestamp()
     WHERE f.consumer = of_consumer AND f.event_id = event;
    INSERT INTO bus.inbox (consumer, event_id) VALUES (of_consumer, event) ON CONFLICT DO NOTHING;
    RETURN true;
END
$$;
COMMENT ON FUNCTION bus.fail_try(text, bigint, text, integer, integer) IS 'Notes why a try of an event failed; uncounted is 1 when bus.begin_try has not counted it. True: that was one too many, it is parked.';

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
