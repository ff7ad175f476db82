-- Members, signals, sign-in. Reverse: DROP SCHEMA core CASCADE (all of it is lost).

CREATE SCHEMA core;
COMMENT ON SCHEMA core IS 'Members, their signals and their sign-in. No identity: look-ups by keyed hash only.';

CREATE TABLE core.members (
    member_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id      bytea NOT NULL UNIQUE CHECK (octet_length(public_id) = 16),
    number_hash    bytea NOT NULL UNIQUE CHECK (octet_length(number_hash) = 32),
    email_hash     bytea NOT NULL UNIQUE CHECK (octet_length(email_hash) = 32),
    zone           text NOT NULL DEFAULT 'Europe/Copenhagen' CHECK (length(zone) BETWEEN 1 AND 64),
    contract_state text NOT NULL DEFAULT 'active' CHECK (contract_state IN ('active', 'terminated')),
    reward_account bigint NOT NULL UNIQUE REFERENCES pay.accounts,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE core.members IS 'Members, pseudonymous: no name, number, address or mail in clear.';
COMMENT ON COLUMN core.members.member_id IS 'Internal identity.';
COMMENT ON COLUMN core.members.public_id IS 'Random 128 bits: the subject of tokens and events.';
COMMENT ON COLUMN core.members.number_hash IS 'HMAC-SHA-256 of the normalised member number, key outside the database.';
COMMENT ON COLUMN core.members.email_hash IS 'HMAC-SHA-256 of the normalised mail address, key outside the database.';
COMMENT ON COLUMN core.members.zone IS 'IANA time zone in which the member''s days are counted.';
COMMENT ON COLUMN core.members.contract_state IS 'State of the contract; breach states come with the alarm.';
COMMENT ON COLUMN core.members.reward_account IS 'pay account that rewards go to.';
COMMENT ON COLUMN core.members.created_at IS 'When the member was entered.';

CREATE TABLE core.liveness (
    member_id      bigint PRIMARY KEY REFERENCES core.members,
    last_day       date,
    streak         integer NOT NULL DEFAULT 0 CHECK (streak >= 0),
    last_signal_at timestamptz,
    CHECK ((last_day IS NULL) = (last_signal_at IS NULL) AND (last_day IS NULL) = (streak = 0))
) WITH (fillfactor = 50);
COMMENT ON TABLE core.liveness IS 'What changes every day, one narrow row a member; no index on what changes, so updates stay on their page (HOT).';
COMMENT ON COLUMN core.liveness.member_id IS 'Member.';
COMMENT ON COLUMN core.liveness.last_day IS 'Latest day with a signal, in the member''s zone; NULL: never.';
COMMENT ON COLUMN core.liveness.streak IS 'Days in a row with a signal, up to last_day.';
COMMENT ON COLUMN core.liveness.last_signal_at IS 'When the latest signal was received.';

CREATE TABLE core.signals (
    member_id   bigint NOT NULL,
    signal_day  date NOT NULL,
    slot        smallint NOT NULL DEFAULT 0 CHECK (slot BETWEEN 0 AND 3),
    signal_id   bigint NOT NULL,
    channel     text NOT NULL CHECK (channel IN ('app', 'sms', 'email', 'phone')),
    evidence    text NOT NULL CHECK (evidence IN ('strong', 'weak')),
    received_at timestamptz NOT NULL,
    salt        bytea NOT NULL CHECK (octet_length(salt) = 16),
    event       text NOT NULL,
    actor       bytea NOT NULL CHECK (octet_length(actor) = 16),
    request_id  uuid NOT NULL,
    PRIMARY KEY (member_id, signal_day, slot)
) PARTITION BY RANGE (signal_day);
COMMENT ON TABLE core.signals IS 'Life signals, append-only: at most one row per member, day and slot.';
COMMENT ON COLUMN core.signals.member_id IS 'Member (core.liveness has the row; no foreign key on the hot path, the inserting statement joins it).';
COMMENT ON COLUMN core.signals.signal_day IS 'The member''s day, computed by the day engine.';
COMMENT ON COLUMN core.signals.slot IS 'Window of the day, 0 for the only one.';
COMMENT ON COLUMN core.signals.signal_id IS 'Identity, from anchor.leaf_ids: also the id of its leaf.';
COMMENT ON COLUMN core.signals.channel IS 'How it came.';
COMMENT ON COLUMN core.signals.evidence IS 'How sure we are that it was the member.';
COMMENT ON COLUMN core.signals.received_at IS 'When we received it.';
COMMENT ON COLUMN core.signals.salt IS 'Random 128 bits: without them the leaf tells nothing.';
COMMENT ON COLUMN core.signals.event IS 'The event text the leaf commits to, byte for byte.';
COMMENT ON COLUMN core.signals.actor IS 'First 16 bytes of SHA-256 of the token''s id: which session or device sent it.';
COMMENT ON COLUMN core.signals.request_id IS 'Request that brought it.';
CALL bus.make_append_only('core.signals');

CREATE TABLE core.logins (
    login_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    member_id    bigint, -- no foreign key: checking it would take time that tells who exists (J4.3)
    email_hash   bytea NOT NULL CHECK (octet_length(email_hash) = 32),
    token_hash   bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    browser_hash bytea NOT NULL UNIQUE CHECK (octet_length(browser_hash) = 32),
    code_hash    bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    code_tries   smallint NOT NULL DEFAULT 0 CHECK (code_tries BETWEEN 0 AND 5),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz
);
CREATE INDEX logins_of_identity ON core.logins (email_hash, created_at);
CREATE INDEX logins_by_expiry ON core.logins (expires_at);
COMMENT ON TABLE core.logins IS 'Sign-ins begun. Unknown pairs make the same row with no member, so that both take the same time.';
COMMENT ON COLUMN core.logins.login_id IS 'Identity.';
COMMENT ON COLUMN core.logins.member_id IS 'Member; NULL for an unknown pair (such a row can never be completed).';
COMMENT ON COLUMN core.logins.email_hash IS 'Keyed hash of the address asked for: the limit per identity counts it.';
COMMENT ON COLUMN core.logins.token_hash IS 'SHA-256 of the link''s token.';
COMMENT ON COLUMN core.logins.browser_hash IS 'SHA-256 of the starting browser''s cookie: the code works only with it.';
COMMENT ON COLUMN core.logins.code_hash IS 'Keyed hash of browser cookie and code.';
COMMENT ON COLUMN core.logins.code_tries IS 'Wrong codes so far; the fifth ends it.';
COMMENT ON COLUMN core.logins.created_at IS 'When it was begun.';
COMMENT ON COLUMN core.logins.expires_at IS 'Link and code end here.';
COMMENT ON COLUMN core.logins.used_at IS 'When link or code was used, once; NULL: not yet.';

CREATE TABLE core.sessions (
    session_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    member_id   bigint NOT NULL REFERENCES core.members,
    token_hash  bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 16),
    scope       text NOT NULL CHECK (scope IN ('session', 'signal')),
    label       text NOT NULL DEFAULT '' CHECK (length(label) <= 64),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz
);
CREATE INDEX sessions_of_member ON core.sessions (member_id, session_id);
CREATE INDEX sessions_by_expiry ON core.sessions (expires_at);
COMMENT ON TABLE core.sessions IS 'Tokens given out: sessions and devices of a member.';
COMMENT ON COLUMN core.sessions.session_id IS 'Identity, as the member sees it.';
COMMENT ON COLUMN core.sessions.member_id IS 'Member.';
COMMENT ON COLUMN core.sessions.token_hash IS 'First 16 bytes of SHA-256 of the token''s id (jti).';
COMMENT ON COLUMN core.sessions.scope IS 'session: everything; signal: a device that may only signal.';
COMMENT ON COLUMN core.sessions.label IS 'The member''s name for the device.';
COMMENT ON COLUMN core.sessions.created_at IS 'When the token was given out.';
COMMENT ON COLUMN core.sessions.expires_at IS 'When it ends by itself.';
COMMENT ON COLUMN core.sessions.revoked_at IS 'When the member ended it; NULL: not ended.';

CREATE TABLE core.revocations (
    revocation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash    bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 16),
    expires_at    timestamptz NOT NULL,
    revoked_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX revocations_by_expiry ON core.revocations (expires_at);
COMMENT ON TABLE core.revocations IS 'Tokens that are refused although their time is not over; every core process holds this set in memory.';
COMMENT ON COLUMN core.revocations.revocation_id IS 'Identity.';
COMMENT ON COLUMN core.revocations.token_hash IS 'As in core.sessions.';
COMMENT ON COLUMN core.revocations.expires_at IS 'When the token ends anyway and the row may go.';
COMMENT ON COLUMN core.revocations.revoked_at IS 'When it was revoked.';

CREATE TABLE core.idempotency (
    caller      bytea NOT NULL CHECK (octet_length(caller) = 16),
    key_hash    bytea NOT NULL CHECK (octet_length(key_hash) = 32),
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    state       text NOT NULL CHECK (state IN ('running', 'done')),
    status      smallint,
    content_type text,
    body        bytea,
    expires_at  timestamptz NOT NULL,
    lease_until timestamptz NOT NULL,
    PRIMARY KEY (caller, key_hash),
    CHECK ((state = 'done') = (status IS NOT NULL AND content_type IS NOT NULL AND body IS NOT NULL))
);
CREATE INDEX idempotency_by_expiry ON core.idempotency (expires_at);
COMMENT ON TABLE core.idempotency IS 'First answers of writes that carried an Idempotency-Key.';
COMMENT ON COLUMN core.idempotency.caller IS 'Who called: the token''s hash, or a hash of the client address.';
COMMENT ON COLUMN core.idempotency.key_hash IS 'SHA-256 of the key.';
COMMENT ON COLUMN core.idempotency.fingerprint IS 'SHA-256 of method, path and body.';
COMMENT ON COLUMN core.idempotency.state IS 'running until the first answer is known.';
COMMENT ON COLUMN core.idempotency.status IS 'HTTP status of the answer.';
COMMENT ON COLUMN core.idempotency.content_type IS 'Its content type.';
COMMENT ON COLUMN core.idempotency.body IS 'Its body; answers that hold a token are never kept.';
COMMENT ON COLUMN core.idempotency.expires_at IS 'When the key is forgotten.';
COMMENT ON COLUMN core.idempotency.lease_until IS 'A request that died leaves the key free after this.';

CREATE TABLE core.audit_log (
    audit_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    member_id  bigint NOT NULL,
    event_type text NOT NULL CHECK (event_type IN ('signal', 'breach', 'verify', 'sponsor', 'login', 'logout', 'device', 'member')),
    actor      text NOT NULL CHECK (length(actor) BETWEEN 1 AND 64),
    request_id uuid NOT NULL,
    data       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(data) = 'object'),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX audit_of_member ON core.audit_log (member_id, created_at);
COMMENT ON TABLE core.audit_log IS 'Who did what to a member, append-only. Signals are their own audit rows; core.audit shows both.';
COMMENT ON COLUMN core.audit_log.audit_id IS 'Identity.';
COMMENT ON COLUMN core.audit_log.member_id IS 'Member concerned.';
COMMENT ON COLUMN core.audit_log.event_type IS 'What was done.';
COMMENT ON COLUMN core.audit_log.actor IS 'Who: member:HASH (token), operator:NAME or process name.';
COMMENT ON COLUMN core.audit_log.request_id IS 'Request or command that did it.';
COMMENT ON COLUMN core.audit_log.data IS 'Facts by id; nothing personal.';
COMMENT ON COLUMN core.audit_log.created_at IS 'When.';
CALL bus.make_append_only('core.audit_log');
