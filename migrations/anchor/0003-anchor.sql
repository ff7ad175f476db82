-- The Merkle log and its way onto the chain. Reverse: none once a root is on the chain; before that DROP SCHEMA anchor CASCADE.

CREATE SCHEMA anchor;
COMMENT ON SCHEMA anchor IS 'Append-only Merkle log, checkpoints, and the transactions that put them on the BSV chain. Hashes only, nothing personal.';

CREATE SEQUENCE anchor.leaf_ids AS bigint CACHE 256;
COMMENT ON SEQUENCE anchor.leaf_ids IS 'Identities of leaves, taken by the tier that asks for anchoring.';

-- Waiting room. Any tier inserts here in its own transaction; sealing moves rows to anchor.entries.
CREATE TABLE anchor.leaves (
    leaf_id        bigint PRIMARY KEY,
    hash           bytea NOT NULL CHECK (octet_length(hash) = 32),
    reward_account bigint,
    waiting_since  timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000);
COMMENT ON TABLE anchor.leaves IS 'Leaves that wait to be sealed.';
COMMENT ON COLUMN anchor.leaves.leaf_id IS 'From anchor.leaf_ids; for a signal also its signal_id.';
COMMENT ON COLUMN anchor.leaves.hash IS 'SHA-256(0x00 || salt || event).';
COMMENT ON COLUMN anchor.leaves.reward_account IS 'pay account to reward when the leaf is on the chain; NULL: no reward.';
COMMENT ON COLUMN anchor.leaves.waiting_since IS 'When anchoring was asked for; the age alarm looks at the oldest.';

CREATE TABLE anchor.entries (
    leaf_index     bigint PRIMARY KEY CHECK (leaf_index >= 0),
    leaf_id        bigint NOT NULL UNIQUE,
    hash           bytea NOT NULL CHECK (octet_length(hash) = 32),
    reward_account bigint
);
COMMENT ON TABLE anchor.entries IS 'The log: every leaf at its index, append-only, without gaps.';
COMMENT ON COLUMN anchor.entries.leaf_index IS 'Position in the tree, from 0.';
COMMENT ON COLUMN anchor.entries.leaf_id IS 'The leaf as its tier knows it.';
COMMENT ON COLUMN anchor.entries.hash IS 'Leaf hash.';
COMMENT ON COLUMN anchor.entries.reward_account IS 'As in anchor.leaves.';
CALL bus.make_append_only('anchor.entries');

CREATE TABLE anchor.log (
    log_id     smallint PRIMARY KEY CHECK (log_id = 1),
    origin     text NOT NULL CHECK (length(origin) BETWEEN 1 AND 128),
    size       bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    sealed_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE anchor.log IS 'The one log. Its row is the lock under which leaves get their indexes.';
COMMENT ON COLUMN anchor.log.log_id IS 'Always 1.';
COMMENT ON COLUMN anchor.log.origin IS 'Name of the log, first line of every checkpoint; never changes.';
COMMENT ON COLUMN anchor.log.size IS 'Leaves in the log.';
COMMENT ON COLUMN anchor.log.sealed_at IS 'When the last checkpoint was made.';

CREATE TABLE anchor.tiles (
    level      smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    tile_index bigint NOT NULL CHECK (tile_index >= 0),
    hashes     bytea NOT NULL CHECK (octet_length(hashes) BETWEEN 32 AND 8192 AND octet_length(hashes) % 32 = 0),
    PRIMARY KEY (level, tile_index)
);
ALTER TABLE anchor.tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;
COMMENT ON TABLE anchor.tiles IS 'Tree nodes in tiles of up to 256 (C2SP tlog-tiles); the last tile of a level grows until it is full.';
COMMENT ON COLUMN anchor.tiles.level IS 'Tile level: its hashes are the roots of subtrees of 256^level leaves.';
COMMENT ON COLUMN anchor.tiles.tile_index IS 'Position in the level, from 0.';
COMMENT ON COLUMN anchor.tiles.hashes IS 'Hashes, 32 bytes each.';

CREATE TABLE anchor.checkpoints (
    checkpoint_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    size          bigint NOT NULL UNIQUE CHECK (size > 0),
    first_index   bigint NOT NULL CHECK (first_index >= 0),
    root          bytea NOT NULL CHECK (octet_length(root) = 32),
    note          text NOT NULL,
    sealed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (first_index < size)
);
COMMENT ON TABLE anchor.checkpoints IS 'Signed states of the log, append-only. A checkpoint covers the leaves first_index .. size-1.';
COMMENT ON COLUMN anchor.checkpoints.checkpoint_id IS 'Identity.';
COMMENT ON COLUMN anchor.checkpoints.size IS 'Leaves in the tree.';
COMMENT ON COLUMN anchor.checkpoints.first_index IS 'Size of the checkpoint before: the first leaf this one adds.';
COMMENT ON COLUMN anchor.checkpoints.root IS 'RFC 9162 root of the first size leaves.';
COMMENT ON COLUMN anchor.checkpoints.note IS 'C2SP signed note, byte for byte.';
COMMENT ON COLUMN anchor.checkpoints.sealed_at IS 'When it was made.';
CALL bus.make_append_only('anchor.checkpoints');

-- Work list: a checkpoint stands here from sealing until a transaction for it is signed, and again
-- when that one was rejected. Every checkpoint has a row here or a live transaction.
CREATE TABLE anchor.unanchored (
    checkpoint_id bigint PRIMARY KEY REFERENCES anchor.checkpoints,
    next_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    failures      integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    since         timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX unanchored_due ON anchor.unanchored (next_at);
COMMENT ON TABLE anchor.unanchored IS 'Checkpoints that need a transaction.';
COMMENT ON COLUMN anchor.unanchored.checkpoint_id IS 'Checkpoint.';
COMMENT ON COLUMN anchor.unanchored.next_at IS 'When to try to sign one.';
COMMENT ON COLUMN anchor.unanchored.failures IS 'Rejected transactions in a row, for the back-off.';
COMMENT ON COLUMN anchor.unanchored.since IS 'When it came here.';

CREATE TABLE anchor.transactions (
    transaction_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind           text NOT NULL CHECK (kind IN ('anchor', 'split')),
    checkpoint_id  bigint REFERENCES anchor.checkpoints,
    txid           bytea NOT NULL UNIQUE CHECK (octet_length(txid) = 32),
    raw            bytea NOT NULL,
    fee            bigint NOT NULL CHECK (fee >= 0),
    state          text NOT NULL CHECK (state IN ('signed', 'sent', 'seen', 'mined', 'final', 'rejected', 'stale')),
    state_since    timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_at        timestamptz,
    sends          integer NOT NULL DEFAULT 0 CHECK (sends >= 0),
    sent_at        timestamptz,
    failures       integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    block_hash     bytea CHECK (octet_length(block_hash) = 32),
    block_height   bigint CHECK (block_height >= 0),
    block_header   bytea CHECK (octet_length(block_header) = 80),
    bump           bytea,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((kind = 'anchor') = (checkpoint_id IS NOT NULL)),
    CHECK ((state IN ('final', 'rejected', 'stale')) = (next_at IS NULL)),
    CHECK (state NOT IN ('mined', 'final') OR (block_hash IS NOT NULL AND block_height IS NOT NULL AND block_header IS NOT NULL AND bump IS NOT NULL))
);
CREATE UNIQUE INDEX one_live_transaction_per_checkpoint ON anchor.transactions (checkpoint_id) WHERE state NOT IN ('rejected', 'stale');
CREATE INDEX transactions_due ON anchor.transactions (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX transactions_of_checkpoint ON anchor.transactions (checkpoint_id);
CREATE INDEX transactions_by_height ON anchor.transactions (block_height) WHERE block_height IS NOT NULL;
COMMENT ON TABLE anchor.transactions IS 'Transactions of ours, each with the bytes as signed: those are what is sent, always.';
COMMENT ON COLUMN anchor.transactions.transaction_id IS 'Identity.';
COMMENT ON COLUMN anchor.transactions.kind IS 'anchor: carries a checkpoint; split: makes more coins.';
COMMENT ON COLUMN anchor.transactions.checkpoint_id IS 'Checkpoint carried; NULL for split.';
COMMENT ON COLUMN anchor.transactions.txid IS 'Transaction id in internal byte order (shown reversed).';
COMMENT ON COLUMN anchor.transactions.raw IS 'The signed transaction.';
COMMENT ON COLUMN anchor.transactions.fee IS 'Fee in satoshis.';
COMMENT ON COLUMN anchor.transactions.state IS 'signed, sent (somebody took it), seen (on the network), mined, final; rejected: the network refused it; stale: it spends a coin of a rejected one. Of the last two the coins are free again.';
COMMENT ON COLUMN anchor.transactions.state_since IS 'When it came into this state.';
COMMENT ON COLUMN anchor.transactions.next_at IS 'When to look again: no state that is not an end is without it.';
COMMENT ON COLUMN anchor.transactions.sends IS 'How often the bytes were sent.';
COMMENT ON COLUMN anchor.transactions.sent_at IS 'When the bytes were last sent; NULL: not yet, or they are to be sent again.';
COMMENT ON COLUMN anchor.transactions.failures IS 'Failures in a row, for the back-off.';
COMMENT ON COLUMN anchor.transactions.block_hash IS 'Block it is in, internal byte order.';
COMMENT ON COLUMN anchor.transactions.block_height IS 'Height of that block.';
COMMENT ON COLUMN anchor.transactions.block_header IS 'Header of that block.';
COMMENT ON COLUMN anchor.transactions.bump IS 'BRC-74 Merkle path from the transaction to that header.';
COMMENT ON COLUMN anchor.transactions.created_at IS 'When it was signed.';

CREATE TABLE anchor.transitions (
    transition_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id bigint NOT NULL REFERENCES anchor.transactions,
    from_state     text NOT NULL,
    to_state       text NOT NULL,
    reason         text NOT NULL,
    at             timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX transitions_of_transaction ON anchor.transitions (transaction_id, transition_id);
COMMENT ON TABLE anchor.transitions IS 'Every change of a transaction''s state with its reason, append-only.';
COMMENT ON COLUMN anchor.transitions.transition_id IS 'Identity.';
COMMENT ON COLUMN anchor.transitions.transaction_id IS 'Transaction.';
COMMENT ON COLUMN anchor.transitions.from_state IS 'State before; new for the first.';
COMMENT ON COLUMN anchor.transitions.to_state IS 'State after.';
COMMENT ON COLUMN anchor.transitions.reason IS 'Why, with the provider''s words where there are any.';
COMMENT ON COLUMN anchor.transitions.at IS 'When.';
CALL bus.make_append_only('anchor.transitions');

CREATE TABLE anchor.coins (
    coin_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    txid        bytea NOT NULL CHECK (octet_length(txid) = 32),
    vout        bigint NOT NULL CHECK (vout BETWEEN 0 AND 4294967295),
    satoshis    bigint NOT NULL CHECK (satoshis > 0),
    made_by     bigint REFERENCES anchor.transactions,
    spent_by    bigint REFERENCES anchor.transactions,
    usable      boolean NOT NULL DEFAULT true,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (txid, vout)
);
CREATE INDEX coins_free ON anchor.coins (satoshis) WHERE spent_by IS NULL AND usable;
CREATE INDEX coins_made_by ON anchor.coins (made_by);
CREATE INDEX coins_spent_by ON anchor.coins (spent_by);
COMMENT ON TABLE anchor.coins IS 'Unspent outputs (UTXOs) of the chain key, one row each; a row whose spent_by is set is reserved for or spent by that transaction alone.';
COMMENT ON COLUMN anchor.coins.coin_id IS 'Identity.';
COMMENT ON COLUMN anchor.coins.txid IS 'Transaction that made the output, internal byte order.';
COMMENT ON COLUMN anchor.coins.vout IS 'Output number.';
COMMENT ON COLUMN anchor.coins.satoshis IS 'Value.';
COMMENT ON COLUMN anchor.coins.made_by IS 'Our transaction that made it; NULL: funding from outside.';
COMMENT ON COLUMN anchor.coins.spent_by IS 'Transaction of ours that holds it; cleared only by a definite rejection.';
COMMENT ON COLUMN anchor.coins.usable IS 'False when the transaction that made it was rejected or went stale, or somebody else spent it.';
COMMENT ON COLUMN anchor.coins.created_at IS 'When we learned of it.';

CREATE TABLE anchor.rewarded (
    checkpoint_id bigint PRIMARY KEY REFERENCES anchor.checkpoints,
    transfers     bigint NOT NULL CHECK (transfers >= 0),
    at            timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE anchor.rewarded IS 'Checkpoints whose leaves were rewarded, append-only: written in the transaction of the transfers.';
COMMENT ON COLUMN anchor.rewarded.checkpoint_id IS 'Checkpoint.';
COMMENT ON COLUMN anchor.rewarded.transfers IS 'Transfers made.';
COMMENT ON COLUMN anchor.rewarded.at IS 'When.';
CALL bus.make_append_only('anchor.rewarded');

CREATE TABLE anchor.broadcast_failures (
    provider text NOT NULL,
    reason   text NOT NULL CHECK (length(reason) <= 64),
    count    bigint NOT NULL CHECK (count > 0),
    last_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (provider, reason)
);
COMMENT ON TABLE anchor.broadcast_failures IS 'Failed broadcasts by provider and reason, counted.';
COMMENT ON COLUMN anchor.broadcast_failures.provider IS 'arc, whatsonchain, node.';
COMMENT ON COLUMN anchor.broadcast_failures.reason IS 'Stable word, e.g. timeout, http_503, fee_too_low.';
COMMENT ON COLUMN anchor.broadcast_failures.count IS 'How often.';
COMMENT ON COLUMN anchor.broadcast_failures.last_at IS 'When it last happened.';

CREATE TABLE anchor.headers (
    block_hash bytea PRIMARY KEY CHECK (octet_length(block_hash) = 32),
    height     bigint NOT NULL CHECK (height >= 0),
    header     bytea NOT NULL CHECK (octet_length(header) = 80),
    best       boolean NOT NULL
);
CREATE UNIQUE INDEX one_best_header_per_height ON anchor.headers (height) WHERE best;
COMMENT ON TABLE anchor.headers IS 'Block headers we have checked (proof of work, link to the one before). The best ones make an unbroken chain up to the tip.';
COMMENT ON COLUMN anchor.headers.block_hash IS 'SHA-256d of the header, internal byte order.';
COMMENT ON COLUMN anchor.headers.height IS 'Height.';
COMMENT ON COLUMN anchor.headers.header IS 'The 80 bytes.';
COMMENT ON COLUMN anchor.headers.best IS 'On the best chain; false since a reorganisation took it off.';
