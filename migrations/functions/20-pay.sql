-- Money moves only through these. Errors of their own (class ES) are listed in migrations/README.md.

CREATE OR REPLACE VIEW pay.balances AS
    SELECT account_id, balance, currency FROM pay.accounts;
COMMENT ON VIEW pay.balances IS 'Balances: credits minus debits in minor units of the currency.';
COMMENT ON COLUMN pay.balances.account_id IS 'Account.';
COMMENT ON COLUMN pay.balances.balance IS 'Minor units of the currency.';
COMMENT ON COLUMN pay.balances.currency IS 'SAT: internal satoshi; DKK: øre.';

CREATE OR REPLACE FUNCTION pay.same_transfer(earlier pay.transfers, kind text, debit bigint,
                                             credit bigint, amount bigint, currency text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
BEGIN
    IF (earlier.kind, earlier.debit_account, earlier.credit_account, earlier.amount, earlier.currency)
       IS DISTINCT FROM
       (same_transfer.kind, debit, credit, same_transfer.amount, same_transfer.currency) THEN
        RAISE EXCEPTION 'transfer key % was used for another transfer', earlier.transfer_key
            USING ERRCODE = 'ES422';
    END IF;
    RETURN earlier.transfer_id;
END
$$;
COMMENT ON FUNCTION pay.same_transfer(pay.transfers, text, bigint, bigint, bigint, text) IS 'The id of an earlier transfer of the same key and content. ES422: other content.';

CREATE OR REPLACE FUNCTION pay.post_transfer(transfer_key text, kind text, debit bigint, credit bigint,
                                             amount bigint, currency text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    accounts integer;
    posted   bigint;
    earlier  pay.transfers;
BEGIN
    -- In the order of their ids, everywhere, so that transfers never wait for each other crosswise.
    SELECT count(*) INTO accounts FROM (
        SELECT FROM pay.accounts a
        WHERE a.account_id IN (debit, credit) AND a.currency = post_transfer.currency
        ORDER BY a.account_id FOR NO KEY UPDATE) locked;
    IF accounts = 2 THEN
        INSERT INTO pay.transfers AS t
            (transfer_key, kind, debit_account, credit_account, amount, currency)
        VALUES (post_transfer.transfer_key, post_transfer.kind, debit, credit,
                post_transfer.amount, post_transfer.currency)
        ON CONFLICT ON CONSTRAINT transfers_transfer_key_key DO NOTHING
        RETURNING t.transfer_id INTO posted;
    END IF;
    IF posted IS NULL THEN
        SELECT * INTO earlier FROM pay.transfers t
            WHERE t.transfer_key = post_transfer.transfer_key;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no such pair of accounts in %', post_transfer.currency
                USING ERRCODE = 'ES404';
        END IF;
        RETURN pay.same_transfer(earlier, post_transfer.kind, debit, credit, post_transfer.amount,
                                 post_transfer.currency);
    END IF;
    UPDATE pay.accounts a SET balance = a.balance - post_transfer.amount
        WHERE a.account_id = debit
          AND (a.may_go_below_zero OR a.balance >= post_transfer.amount);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the balance of account % is too small', debit USING ERRCODE = 'ES402';
    END IF;
    UPDATE pay.accounts a SET balance = a.balance + post_transfer.amount WHERE a.account_id = credit;
    RETURN posted;
END
$$;
COMMENT ON FUNCTION pay.post_transfer(text, text, bigint, bigint, bigint, text) IS 'Posts one transfer and yields its id. Same key and content again: the same id, nothing moves. ES422: same key, other content; ES404: no such account in that currency; ES402: balance too small.';

CREATE OR REPLACE FUNCTION pay.post_rewards(checkpoint_id bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    covered   record;
    pool      bigint;
    due       bigint;
    paid      bigint;
    total     bigint;
BEGIN
    -- The lock makes a second call for the same checkpoint wait, and then find it rewarded.
    SELECT c.first_index, c.size INTO covered FROM anchor.checkpoints c
        WHERE c.checkpoint_id = post_rewards.checkpoint_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no checkpoint %', post_rewards.checkpoint_id USING ERRCODE = 'ES404';
    END IF;
    IF EXISTS (SELECT FROM anchor.rewarded r WHERE r.checkpoint_id = post_rewards.checkpoint_id) THEN
        RETURN 0;
    END IF;
    IF NOT EXISTS (SELECT FROM anchor.transactions t
                   WHERE t.checkpoint_id = post_rewards.checkpoint_id
                     AND t.state IN ('seen', 'mined', 'final')) THEN
        RAISE EXCEPTION 'checkpoint % is not on the network', post_rewards.checkpoint_id
            USING ERRCODE = 'ES409';
    END IF;
    SELECT a.account_id INTO STRICT pool FROM pay.accounts a
        WHERE a.kind = 'reward_pool' AND a.currency = 'SAT';
    PERFORM FROM pay.accounts a
        JOIN (SELECT pool AS account_id
              UNION
              SELECT e.reward_account FROM anchor.entries e
              WHERE e.leaf_index >= covered.first_index AND e.leaf_index < covered.size
                AND e.reward_account IS NOT NULL) concerned USING (account_id)
        ORDER BY a.account_id FOR NO KEY UPDATE OF a;
    -- A leaf that names something else than a member's account earns nothing and stops nobody.
    WITH leaf AS (
        SELECT e.leaf_index, e.leaf_id, e.reward_account
        FROM anchor.entries e JOIN pay.accounts a ON a.account_id = e.reward_account
        WHERE e.leaf_index >= covered.first_index AND e.leaf_index < covered.size
          AND a.kind = 'member_reward' AND a.currency = 'SAT'
    ), made AS (
        INSERT INTO pay.transfers AS t
            (transfer_key, kind, debit_account, credit_account, amount, currency)
        SELECT 'reward/' || leaf_id, 'reward', pool, reward_account, 1, 'SAT' FROM leaf
        ORDER BY leaf_index
        ON CONFLICT (transfer_key) DO NOTHING
        RETURNING t.credit_account, t.amount
    ), credited AS (
        UPDATE pay.accounts a SET balance = a.balance + earned.amount
        FROM (SELECT made.credit_account, sum(made.amount)::bigint AS amount FROM made
              GROUP BY made.credit_account) earned
        WHERE a.account_id = earned.credit_account
    ) SELECT (SELECT count(*) FROM leaf), count(*), coalesce(sum(made.amount), 0)
      INTO due, paid, total FROM made;
    IF paid < due THEN -- some were paid before: to whom?
        PERFORM pay.same_transfer(t, 'reward', pool, e.reward_account, 1, 'SAT')
        FROM anchor.entries e JOIN pay.accounts a ON a.account_id = e.reward_account
        JOIN pay.transfers t ON t.transfer_key = 'reward/' || e.leaf_id
        WHERE e.leaf_index >= covered.first_index AND e.leaf_index < covered.size
          AND a.kind = 'member_reward' AND a.currency = 'SAT';
    END IF;
    UPDATE pay.accounts a SET balance = a.balance - total WHERE a.account_id = pool;
    INSERT INTO anchor.rewarded (checkpoint_id, transfers)
        VALUES (post_rewards.checkpoint_id, paid);
    RETURN paid;
END
$$;
COMMENT ON FUNCTION pay.post_rewards(bigint) IS 'Pays 1 internal satoshi for each leaf of a checkpoint that names a member''s account, once; yields how many transfers were made, 0 when it was rewarded before. ES404: no such checkpoint; ES409: its transaction is not on the network; ES422: the key of a reward was used for another transfer, and none is made.';
