-- What the core need not remember.

CREATE OR REPLACE FUNCTION core.prune(at timestamptz) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    batch  CONSTANT integer := 50000; -- rows of each table, so that no call runs long
    -- A caller whose clock runs ahead must not make us forget a revocation that still counts.
    moment CONSTANT timestamptz := least(at, clock_timestamp());
    logins bigint;
    kept_answers bigint;
    revocations bigint;
    sessions bigint;
BEGIN
    WITH gone AS (
        DELETE FROM core.logins WHERE login_id IN (
            SELECT login_id FROM core.logins WHERE expires_at < moment - interval '7 days' LIMIT batch)
        RETURNING 1
    ) SELECT count(*) INTO logins FROM gone;
    WITH gone AS (
        DELETE FROM core.idempotency WHERE (caller, key_hash) IN (
            SELECT caller, key_hash FROM core.idempotency WHERE expires_at < moment LIMIT batch)
        RETURNING 1
    ) SELECT count(*) INTO kept_answers FROM gone;
    WITH gone AS (
        DELETE FROM core.revocations WHERE revocation_id IN (
            SELECT revocation_id FROM core.revocations WHERE expires_at < moment LIMIT batch)
        RETURNING 1
    ) SELECT count(*) INTO revocations FROM gone;
    WITH gone AS (
        DELETE FROM core.sessions WHERE session_id IN (
            SELECT session_id FROM core.sessions WHERE expires_at < moment - interval '90 days'
            LIMIT batch)
        RETURNING 1
    ) SELECT count(*) INTO sessions FROM gone;
    RETURN jsonb_build_object('logins', logins, 'idempotency', kept_answers,
                              'revocations', revocations, 'sessions', sessions);
END
$$;
COMMENT ON FUNCTION core.prune(timestamptz) IS 'Removes sign-ins 7 days and sessions 90 days after their end, kept answers and revocations at theirs, as of the moment given (never a future one), in batches. Yields the counts.';
