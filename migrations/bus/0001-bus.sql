-- Events between processes: the outbox written with each change, what the relay has published, and
-- what each consumer has taken in. Reverse: DROP SCHEMA bus CASCADE (events in flight are lost).

CREATE SCHEMA bus;
COMMENT ON SCHEMA bus IS 'Events between processes: outbox, relay position, inboxes.';

CREATE FUNCTION bus.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
COMMENT ON FUNCTION bus.refuse_change() IS 'Trigger of every append-only table: refuses UPDATE, DELETE and TRUNCATE.';

CREATE PROCEDURE bus.make_append_only(target regclass) LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    -- A partition has its table's row trigger already; statement triggers are not handed down.
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = target AND tgname = 'append_only_row') THEN
        EXECUTE format('CREATE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION bus.refuse_change()', target);
    END IF;
    EXECUTE format('CREATE TRIGGER append_only_table BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION bus.refuse_change()', target);
    -- ALWAYS: session_replication_role = replica must not switch the lock off.
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only_row', target);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only_table', target);
END
$$;
COMMENT ON PROCEDURE bus.make_append_only(regclass) IS 'Puts the append-only triggers on a table or partition, ENABLE ALWAYS.';

CREATE TABLE bus.outbox (
    event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    written_by  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    topic       text NOT NULL CHECK (topic ~ '^[a-z]+(\.[a-z_]+)+$' AND length(topic) <= 64),
    payload     jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX outbox_in_commit_safe_order ON bus.outbox (written_by, event_id);
CREATE INDEX outbox_by_topic ON bus.outbox (topic, event_id);
COMMENT ON TABLE bus.outbox IS 'Events, written in the transaction of the change they tell of. Kept 7 days.';
COMMENT ON COLUMN bus.outbox.event_id IS 'Identity of the event; consumers record it in their inbox.';
COMMENT ON COLUMN bus.outbox.written_by IS 'Writing transaction: the relay tells by it which snapshots show the event, so none that commits late is skipped.';
COMMENT ON COLUMN bus.outbox.topic IS 'What happened, e.g. mail.login or anchor.seen.';
COMMENT ON COLUMN bus.outbox.payload IS 'Facts by id; anything personal is sealed to the process that needs it.';
COMMENT ON COLUMN bus.outbox.created_at IS 'When it was written.';

CREATE TABLE bus.relay_position (
    stream      text PRIMARY KEY,
    passed      pg_snapshot NOT NULL,
    target      pg_snapshot,
    event_id    bigint NOT NULL,
    moved_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((target IS NULL) = (event_id = 0))
);
INSERT INTO bus.relay_position (stream, passed, event_id) VALUES ('eldersafe:bus', '1:1:', 0);
COMMENT ON TABLE bus.relay_position IS 'How far the relay has published the outbox to a Redis stream.';
COMMENT ON COLUMN bus.relay_position.stream IS 'Redis key of the stream.';
COMMENT ON COLUMN bus.relay_position.passed IS 'Every event this snapshot shows is published.';
COMMENT ON COLUMN bus.relay_position.target IS 'While a long batch is under way: the snapshot that ends it.';
COMMENT ON COLUMN bus.relay_position.event_id IS 'Last event of that batch that is published; 0 when none is under way.';
COMMENT ON COLUMN bus.relay_position.moved_at IS 'When the position last moved.';

CREATE TABLE bus.inbox (
    consumer    text NOT NULL CHECK (length(consumer) BETWEEN 1 AND 32),
    event_id    bigint NOT NULL,
    taken_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer, event_id)
);
COMMENT ON TABLE bus.inbox IS 'Events a consumer has taken in, recorded in the transaction of their effect.';
COMMENT ON COLUMN bus.inbox.consumer IS 'Consumer group, e.g. notify.';
COMMENT ON COLUMN bus.inbox.event_id IS 'Event of bus.outbox (no foreign key: the outbox is pruned).';
COMMENT ON COLUMN bus.inbox.taken_at IS 'When the effect was committed.';
