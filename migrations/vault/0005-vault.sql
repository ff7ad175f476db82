-- Sealed contact data and messages on their way out. Reverse: DROP SCHEMA vault CASCADE (addresses are lost for good).

CREATE SCHEMA vault;
COMMENT ON SCHEMA vault IS 'Contact data sealed to eldersafe-notify, and its messages. HTTP tiers write, none can read.';

CREATE TABLE vault.contacts (
    member_id  bigint NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('email')),
    sealed     bytea NOT NULL CHECK (octet_length(sealed) BETWEEN 49 AND 1024),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (member_id, kind)
);
COMMENT ON TABLE vault.contacts IS 'A member''s own contact data, sealed (crypto_box_seal) to the notifier''s public key.';
COMMENT ON COLUMN vault.contacts.member_id IS 'Member of core.members.';
COMMENT ON COLUMN vault.contacts.kind IS 'What it is.';
COMMENT ON COLUMN vault.contacts.sealed IS 'Sealed text.';
COMMENT ON COLUMN vault.contacts.updated_at IS 'When it was last written.';

CREATE TABLE vault.messages (
    message_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id     bigint NOT NULL UNIQUE,
    member_id    bigint NOT NULL,
    channel      text NOT NULL CHECK (channel IN ('email')),
    template     text NOT NULL CHECK (length(template) BETWEEN 1 AND 64),
    sealed       bytea NOT NULL,
    state        text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed', 'expired')),
    attempts     integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at      timestamptz DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    provider_ref text NOT NULL DEFAULT '',
    last_error   text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((state = 'queued') = (next_at IS NOT NULL))
);
CREATE INDEX messages_due ON vault.messages (next_at) WHERE next_at IS NOT NULL;
COMMENT ON TABLE vault.messages IS 'Messages to members on their way out, claimed with SKIP LOCKED and a lease in next_at.';
COMMENT ON COLUMN vault.messages.message_id IS 'Identity.';
COMMENT ON COLUMN vault.messages.event_id IS 'Event that asked for it: one message each, however often the event arrives.';
COMMENT ON COLUMN vault.messages.member_id IS 'Addressee.';
COMMENT ON COLUMN vault.messages.channel IS 'How it goes out.';
COMMENT ON COLUMN vault.messages.template IS 'Which text.';
COMMENT ON COLUMN vault.messages.sealed IS 'Its variables (link, code), sealed to the notifier; emptied when the message has ended.';
COMMENT ON COLUMN vault.messages.state IS 'queued until sent, failed for good or expired.';
COMMENT ON COLUMN vault.messages.attempts IS 'Tries so far.';
COMMENT ON COLUMN vault.messages.next_at IS 'When to try (again); while it is being sent, the end of the lease.';
COMMENT ON COLUMN vault.messages.expires_at IS 'After this it is pointless.';
COMMENT ON COLUMN vault.messages.provider_ref IS 'The provider''s id of the message.';
COMMENT ON COLUMN vault.messages.last_error IS 'Stable word of the last failure.';
COMMENT ON COLUMN vault.messages.created_at IS 'When it was asked for.';
