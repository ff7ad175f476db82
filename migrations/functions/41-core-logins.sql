-- Sign-in. The core has no right on core.logins: these are the only doors, and they open the same
-- way for people who exist and for people who do not.

CREATE OR REPLACE FUNCTION core.begin_login(number_hash bytea, email_hash bytea, token_hash bytea,
                                            browser_hash bytea, code_hash bytea, sealed_mail bytea,
                                            lifetime interval, request_id uuid, max_per_hour integer)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    begun_at  CONSTANT timestamptz := clock_timestamp();
    ends_at   CONSTANT timestamptz := begun_at + lifetime;
    member    bigint;
    mails     integer;
    addressee bigint; -- NULL: this sign-in goes to nobody and cannot be completed
BEGIN
    -- Sign-ins for one address take turns, or many at once would each find the limit not reached.
    PERFORM pg_advisory_xact_lock('core.logins'::regclass::integer,
        ('x' || encode(substring(begin_login.email_hash FROM 1 FOR 4), 'hex'))::bit(32)::integer);
    SELECT m.member_id INTO member FROM core.members m
        WHERE m.number_hash = begin_login.number_hash AND m.email_hash = begin_login.email_hash
          AND m.contract_state = 'active';
    -- Only what was mailed counts: who does not know the number cannot use up the member's share.
    SELECT count(*) INTO mails FROM (
        SELECT FROM core.logins l
        WHERE l.email_hash = begin_login.email_hash AND l.created_at > begun_at - interval '1 hour'
          AND l.member_id IS NOT NULL
        LIMIT max_per_hour) lately;
    addressee := CASE WHEN mails < max_per_hour THEN member END;
    INSERT INTO core.logins (member_id, email_hash, token_hash, browser_hash, code_hash, created_at,
                             expires_at)
        VALUES (addressee, begin_login.email_hash, begin_login.token_hash,
                begin_login.browser_hash, begin_login.code_hash, begun_at, ends_at);
    INSERT INTO bus.outbox (topic, payload)
        VALUES (CASE WHEN addressee IS NULL THEN 'mail.none' ELSE 'mail.login' END,
                jsonb_build_object(
                    'member_id', coalesce(addressee, 0)::text,
                    'request_id', request_id,
                    'sealed', translate(encode(sealed_mail, 'base64'), E'\n', ''),
                    'expires_at', to_char(ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')));
END
$$;
COMMENT ON FUNCTION core.begin_login(bytea, bytea, bytea, bytea, bytea, bytea, interval, uuid, integer) IS 'Begins a sign-in: always one row of core.logins and one event, in the same time. The event is mail.login for an active member''s own number and address with fewer than max_per_hour mails in the last hour, else mail.none, which everybody ignores. Payload: member_id, request_id, sealed (base64), expires_at.';

CREATE OR REPLACE FUNCTION core.finish_login_token(token_hash bytea)
RETURNS TABLE (login_id bigint, member_id bigint, public_id bytea, zone text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog ROWS 1 AS $$
    UPDATE core.logins l SET used_at = clock_timestamp()
    FROM core.members m
    WHERE l.token_hash = finish_login_token.token_hash
      AND l.used_at IS NULL AND l.expires_at > clock_timestamp()
      AND m.member_id = l.member_id AND m.contract_state = 'active'
    RETURNING l.login_id, m.member_id, m.public_id, m.zone
$$;
COMMENT ON FUNCTION core.finish_login_token(bytea) IS 'Uses the link''s token, once: the member it signs in, or no row when it is unknown, used or expired.';

CREATE OR REPLACE FUNCTION core.try_login_code(browser_hash bytea)
RETURNS TABLE (login_id bigint, code_hash bytea, member_id bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog ROWS 1 AS $$
    UPDATE core.logins l SET code_tries = l.code_tries + 1
    WHERE l.browser_hash = try_login_code.browser_hash
      AND l.code_tries < 5 AND l.used_at IS NULL AND l.expires_at > clock_timestamp()
    RETURNING l.login_id, l.code_hash, l.member_id
$$;
COMMENT ON FUNCTION core.try_login_code(bytea) IS 'Counts a try of the code for the sign-in begun in this browser, before it is compared; no row when there is none, or it is used, expired or out of its 5 tries. member_id is NULL for a sign-in that goes to nobody: it is answered like any other and never completes.';

CREATE OR REPLACE FUNCTION core.finish_login_code(login_id bigint)
RETURNS TABLE (member_id bigint, public_id bytea, zone text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog ROWS 1 AS $$
    UPDATE core.logins l SET used_at = clock_timestamp()
    FROM core.members m
    WHERE l.login_id = finish_login_code.login_id
      AND l.used_at IS NULL AND l.expires_at > clock_timestamp()
      AND m.member_id = l.member_id AND m.contract_state = 'active'
    RETURNING m.member_id, m.public_id, m.zone
$$;
COMMENT ON FUNCTION core.finish_login_code(bigint) IS 'Uses a sign-in whose code was right, once: the member it signs in, or no row when it was used meanwhile, has expired or goes to nobody.';
