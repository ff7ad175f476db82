-- Delivery of events: the wake-up of the relay, how far each consumer has come, and what it could
-- not take in. Reverse: drop the trigger, the function and the two tables, and make the index
-- outbox_by_topic (topic, event_id) again; consumers then look through the whole outbox.

-- One notification a transaction, however many events it writes (equal ones are folded).
CREATE FUNCTION bus.wake_relay() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_notify('eldersafe_bus', '');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION bus.wake_relay() IS 'Trigger of bus.outbox: tells the relay, at commit, that there are events.';
CREATE TRIGGER wake_relay AFTER INSERT ON bus.outbox FOR EACH STATEMENT EXECUTE FUNCTION bus.wake_relay();

-- A consumer looks for its own topics from its mark on, in commit-safe order.
DROP INDEX bus.outbox_by_topic;
CREATE INDEX outbox_of_topic_in_commit_safe_order ON bus.outbox (topic, written_by, event_id);

CREATE TABLE bus.consumers (
    consumer    text PRIMARY KEY CHECK (length(consumer) BETWEEN 1 AND 32),
    taken_below xid8 NOT NULL,
    moved_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE bus.consumers IS 'How far each consumer group has certainly come, so that looking for what it missed does not read the whole outbox.';
COMMENT ON COLUMN bus.consumers.consumer IS 'Consumer group, as in bus.inbox.';
COMMENT ON COLUMN bus.consumers.taken_below IS 'Every event of its topics written by a transaction below this one is in its inbox.';
COMMENT ON COLUMN bus.consumers.moved_at IS 'When the mark last moved.';

CREATE TABLE bus.failures (
    consumer    text NOT NULL CHECK (length(consumer) BETWEEN 1 AND 32),
    event_id    bigint NOT NULL,
    failures    integer NOT NULL CHECK (failures > 0),
    last_error  text NOT NULL CHECK (length(last_error) <= 200),
    first_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_at     timestamptz,
    parked_at   timestamptz,
    PRIMARY KEY (consumer, event_id),
    CHECK ((next_at IS NULL) = (parked_at IS NOT NULL))
);
CREATE INDEX failures_parked ON bus.failures (parked_at) WHERE parked_at IS NOT NULL;
COMMENT ON TABLE bus.failures IS 'Events a consumer could not take in: to be tried again, or parked for an operator. A row goes when its event is taken in.';
COMMENT ON COLUMN bus.failures.consumer IS 'Consumer group, as in bus.inbox.';
COMMENT ON COLUMN bus.failures.event_id IS 'Event of bus.outbox.';
COMMENT ON COLUMN bus.failures.failures IS 'Tries begun or failed so far.';
COMMENT ON COLUMN bus.failures.last_error IS 'Why, in stable words; unfinished: the process ended in the middle of the try.';
COMMENT ON COLUMN bus.failures.first_at IS 'When it first failed.';
COMMENT ON COLUMN bus.failures.next_at IS 'Not to be tried again before this; NULL when parked.';
COMMENT ON COLUMN bus.failures.parked_at IS 'When it was given up (its inbox row then means: not wanted any more); bus.replay_parked brings it back.';
