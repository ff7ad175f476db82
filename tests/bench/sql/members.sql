-- :members members with what the signal path reads and writes. Straight into the tables: sealing a
-- million addresses one by one would take minutes and no signal looks at them.
INSERT INTO pay.accounts (kind, currency, may_go_below_zero)
SELECT 'member_reward', 'SAT', false FROM generate_series(1, :members);

INSERT INTO core.members (public_id, number_hash, email_hash, reward_account)
SELECT substring(sha256(convert_to('public/' || account_id, 'UTF8')) FROM 1 FOR 16),
       sha256(convert_to('number/' || account_id, 'UTF8')),
       sha256(convert_to('email/' || account_id, 'UTF8')), account_id
FROM pay.accounts WHERE kind = 'member_reward' ORDER BY account_id;

INSERT INTO core.liveness (member_id) SELECT member_id FROM core.members ORDER BY member_id;

VACUUM ANALYZE;
CHECKPOINT;
