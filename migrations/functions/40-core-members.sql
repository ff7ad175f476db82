-- Members.

CREATE OR REPLACE FUNCTION core.add_members(public_ids bytea[], number_hashes bytea[],
                                            email_hashes bytea[], zones text[],
                                            sealed_emails bytea[], actor text, request_id uuid)
RETURNS TABLE ("position" integer, member_id bigint, outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    rows_given CONSTANT integer := coalesce(cardinality(public_ids), 0);
    undecided  integer[];
    settled    integer[];
BEGIN
    IF (cardinality(number_hashes), cardinality(email_hashes), cardinality(zones),
        cardinality(sealed_emails)) IS DISTINCT FROM (rows_given, rows_given, rows_given, rows_given) THEN
        RAISE EXCEPTION 'the arrays must be of the same length' USING ERRCODE = 'ES422';
    END IF;
    -- Imports take turns, so that "is there already" stays true until the end. Members are added by
    -- this function alone.
    PERFORM pg_advisory_xact_lock('core.members'::regclass::integer, 1);
    SELECT array_agg(n) INTO undecided FROM generate_series(1, rows_given) n;
    -- Rows take effect as if they came one by one: of those that share a number or an address, the
    -- first is added and the others are judged against it in the next round.
    LOOP
        RETURN QUERY
            SELECT found.row, CASE WHEN found.by_number = found.by_email THEN found.by_number END,
                   CASE WHEN found.by_number = found.by_email THEN 'exists' ELSE 'conflict' END
            FROM (SELECT u.row,
                         (SELECT m.member_id FROM core.members m
                          WHERE m.number_hash = number_hashes[u.row]) AS by_number,
                         (SELECT m.member_id FROM core.members m
                          WHERE m.email_hash = email_hashes[u.row]) AS by_email
                  FROM unnest(undecided) AS u (row)
                  OFFSET 0) found
            WHERE found.by_number IS NOT NULL OR found.by_email IS NOT NULL;
        IF FOUND THEN
            SELECT array_agg(u.row) INTO undecided FROM unnest(undecided) AS u (row)
            WHERE NOT EXISTS (SELECT FROM core.members m WHERE m.number_hash = number_hashes[u.row])
              AND NOT EXISTS (SELECT FROM core.members m WHERE m.email_hash = email_hashes[u.row]);
        END IF;
        EXIT WHEN undecided IS NULL;
        SELECT array_agg(first_of.row ORDER BY first_of.row) INTO settled FROM (
            SELECT u.row,
                   row_number() OVER (PARTITION BY number_hashes[u.row] ORDER BY u.row) AS of_number,
                   row_number() OVER (PARTITION BY email_hashes[u.row] ORDER BY u.row) AS of_email
            FROM unnest(undecided) AS u (row)) first_of
        WHERE first_of.of_number = 1 AND first_of.of_email = 1;
        RETURN QUERY
            WITH given AS MATERIALIZED (
                SELECT s.row, s.rank, public_ids[s.row] AS public_id,
                       number_hashes[s.row] AS number_hash, email_hashes[s.row] AS email_hash,
                       zones[s.row] AS zone, sealed_emails[s.row] AS sealed
                FROM unnest(settled) WITH ORDINALITY AS s (row, rank)
            ), opened AS (
                INSERT INTO pay.accounts (kind, currency, may_go_below_zero)
                SELECT 'member_reward', 'SAT', false FROM given RETURNING account_id
            ), account AS (
                SELECT account_id, row_number() OVER (ORDER BY account_id) AS rank FROM opened
            ), entered AS (
                INSERT INTO core.members AS m
                    (public_id, number_hash, email_hash, zone, reward_account)
                SELECT g.public_id, g.number_hash, g.email_hash, g.zone, a.account_id
                FROM given g JOIN account a USING (rank) ORDER BY rank
                RETURNING m.member_id, m.public_id
            ), added AS MATERIALIZED (
                SELECT g.row, e.member_id, g.sealed FROM entered e JOIN given g USING (public_id)
            ), alive AS (
                INSERT INTO core.liveness (member_id) SELECT a.member_id FROM added a
            ), reachable AS (
                INSERT INTO vault.contacts (member_id, kind, sealed)
                SELECT a.member_id, 'email', a.sealed FROM added a
            ), audited AS (
                INSERT INTO core.audit_log (member_id, event_type, actor, request_id, data)
                SELECT a.member_id, 'member', add_members.actor, add_members.request_id,
                       '{"change": "added"}' FROM added a
            ) SELECT a.row, a.member_id, 'added' FROM added a;
        SELECT array_agg(u.row) INTO undecided FROM unnest(undecided) AS u (row)
            LEFT JOIN unnest(settled) AS s (row) ON s.row = u.row WHERE s.row IS NULL;
        EXIT WHEN undecided IS NULL;
    END LOOP;
END
$$;
COMMENT ON FUNCTION core.add_members(bytea[], bytea[], bytea[], text[], bytea[], text, uuid) IS 'Adds members: member, liveness, reward account, sealed mail address and audit entry each, all or nothing. Yields for each row (from 1): added; exists: number and address are those of one member; conflict: one of the two belongs to another, nothing was done. ES422: arrays of different length.';

CREATE OR REPLACE VIEW core.status AS
    SELECT m.member_id, m.contract_state, m.zone, l.streak, l.last_day, l.last_signal_at, b.balance
    FROM core.members m
    JOIN core.liveness l USING (member_id)
    JOIN pay.balances b ON b.account_id = m.reward_account;
COMMENT ON VIEW core.status IS 'A member''s state at a glance.';
COMMENT ON COLUMN core.status.member_id IS 'Member.';
COMMENT ON COLUMN core.status.contract_state IS 'As in core.members.';
COMMENT ON COLUMN core.status.zone IS 'As in core.members.';
COMMENT ON COLUMN core.status.streak IS 'Days in a row up to last_day; whether it still counts today is for the day engine to say.';
COMMENT ON COLUMN core.status.last_day IS 'As in core.liveness.';
COMMENT ON COLUMN core.status.last_signal_at IS 'As in core.liveness.';
COMMENT ON COLUMN core.status.balance IS 'Internal satoshis.';
