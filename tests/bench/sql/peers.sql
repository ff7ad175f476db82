-- The yardsticks' database: the schema of the project's first design, with :members members. Its
-- UNIQUE (member_id, DATE(logged_at)) is refused by PostgreSQL (the day of a timestamptz depends on
-- the session); the index says the same for Denmark.
CREATE TABLE members (
    id             SERIAL PRIMARY KEY,
    member_number  TEXT UNIQUE NOT NULL,
    email_hash     TEXT UNIQUE NOT NULL,
    bsv_public_key TEXT,
    created_at     TIMESTAMPTZ DEFAULT NOW(),
    last_signal_at TIMESTAMPTZ,
    signal_streak  INTEGER DEFAULT 0,
    contract_state TEXT DEFAULT 'active',
    reward_balance BIGINT DEFAULT 0,
    sms_escrow     BIGINT DEFAULT 0
);
CREATE TABLE signals (
    id        SERIAL PRIMARY KEY,
    member_id INTEGER REFERENCES members(id),
    channel   TEXT,
    logged_at TIMESTAMPTZ DEFAULT NOW(),
    bsv_txid  TEXT
);
CREATE UNIQUE INDEX one_signal_per_day ON signals (member_id, ((logged_at AT TIME ZONE 'Europe/Copenhagen')::date));
CREATE INDEX idx_signals_member_date ON signals (member_id, logged_at);
INSERT INTO members (member_number, email_hash)
SELECT n::text, encode(sha256(convert_to('email/' || n, 'UTF8')), 'hex') FROM generate_series(1, :members) n;
CREATE INDEX idx_members_contract ON members (contract_state, last_signal_at);
VACUUM ANALYZE;
CHECKPOINT;
