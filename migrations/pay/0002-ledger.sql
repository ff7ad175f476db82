-- The double-entry ledger, as far as rewards need it. Reverse: DROP SCHEMA pay CASCADE (money history is lost).

CREATE SCHEMA pay;
COMMENT ON SCHEMA pay IS 'Double-entry ledger: accounts and transfers.';

CREATE TABLE pay.accounts (
    account_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind           text NOT NULL CHECK (kind IN ('reward_pool', 'member_reward')),
    currency       text NOT NULL CHECK (currency IN ('SAT', 'DKK')),
    may_go_below_zero boolean NOT NULL,
    balance        bigint NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (may_go_below_zero OR balance >= 0)
) WITH (fillfactor = 60);
CREATE UNIQUE INDEX one_reward_pool_per_currency ON pay.accounts (currency) WHERE kind = 'reward_pool';
COMMENT ON TABLE pay.accounts IS 'Accounts. The sum over all of them is zero in each currency, always.';
COMMENT ON COLUMN pay.accounts.account_id IS 'Identity; other schemas refer to an account by it and nothing here points to a member.';
COMMENT ON COLUMN pay.accounts.kind IS 'What the account is for.';
COMMENT ON COLUMN pay.accounts.currency IS 'SAT: internal satoshi; DKK: øre.';
COMMENT ON COLUMN pay.accounts.may_go_below_zero IS 'Pool accounts may; members never.';
COMMENT ON COLUMN pay.accounts.balance IS 'Minor units: credits minus debits, a cache that the auditor recomputes.';
COMMENT ON COLUMN pay.accounts.created_at IS 'When it was opened.';

INSERT INTO pay.accounts (kind, currency, may_go_below_zero) VALUES ('reward_pool', 'SAT', true);

CREATE TABLE pay.transfers (
    transfer_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transfer_key   text NOT NULL UNIQUE CHECK (length(transfer_key) BETWEEN 1 AND 64),
    kind           text NOT NULL CHECK (kind IN ('reward')),
    debit_account  bigint NOT NULL REFERENCES pay.accounts,
    credit_account bigint NOT NULL REFERENCES pay.accounts,
    amount         bigint NOT NULL CHECK (amount > 0),
    currency       text NOT NULL CHECK (currency IN ('SAT', 'DKK')),
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (debit_account <> credit_account)
);
CREATE INDEX transfers_of_debit_account ON pay.transfers (debit_account, transfer_id);
CREATE INDEX transfers_of_credit_account ON pay.transfers (credit_account, transfer_id);
COMMENT ON TABLE pay.transfers IS 'Money moved, immutable: amount leaves the debit account and enters the credit account.';
COMMENT ON COLUMN pay.transfers.transfer_id IS 'Identity, in order of posting.';
COMMENT ON COLUMN pay.transfers.transfer_key IS 'Chosen by the caller: same key and content is the same transfer, other content is an error. A reward is reward/LEAF_ID.';
COMMENT ON COLUMN pay.transfers.kind IS 'Why it was made.';
COMMENT ON COLUMN pay.transfers.debit_account IS 'Account the amount leaves.';
COMMENT ON COLUMN pay.transfers.credit_account IS 'Account the amount enters.';
COMMENT ON COLUMN pay.transfers.amount IS 'Minor units of the currency.';
COMMENT ON COLUMN pay.transfers.currency IS 'Currency of both accounts.';
COMMENT ON COLUMN pay.transfers.created_at IS 'When it was posted.';
CALL bus.make_append_only('pay.transfers');
