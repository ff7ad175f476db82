-- Who may do what. Everything is taken away first, so that a line removed here takes effect; run as
-- the owner in the transaction that reloads the functions. Who runs as which role: roles.sql.

DO $$
DECLARE
    role   text;
    schema text;
BEGIN
    FOREACH schema IN ARRAY ARRAY['bus', 'pay', 'anchor', 'core', 'vault'] LOOP
        FOREACH role IN ARRAY ARRAY['PUBLIC', 'eldersafe_admin', 'eldersafe_core', 'eldersafe_notify',
                                    'eldersafe_ledger', 'eldersafe_auditor'] LOOP
            EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %s', schema, role);
            EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %s', schema, role);
            EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA %I FROM %s', schema, role);
            EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA %I FROM %s', schema, role);
        END LOOP;
    END LOOP;
END
$$;
-- A function that is not granted below is nobody's, also when it is made between two runs of this.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;

-- --- eldersafe-core: signals and sign-in; the relay of the outbox runs in it ---------------------
GRANT USAGE ON SCHEMA core, anchor, pay, bus TO eldersafe_core;
GRANT SELECT ON core.members TO eldersafe_core;
GRANT SELECT, UPDATE (last_day, streak, last_signal_at) ON core.liveness TO eldersafe_core;
GRANT SELECT, INSERT ON core.signals TO eldersafe_core;
GRANT SELECT, INSERT, UPDATE (revoked_at) ON core.sessions TO eldersafe_core;
GRANT SELECT, INSERT ON core.revocations TO eldersafe_core;
GRANT SELECT, INSERT, UPDATE, DELETE ON core.idempotency TO eldersafe_core;
GRANT INSERT ON core.audit_log TO eldersafe_core;
GRANT EXECUTE ON FUNCTION
    core.begin_login(bytea, bytea, bytea, bytea, bytea, bytea, interval, uuid, integer),
    core.finish_login_token(bytea), core.try_login_code(bytea), core.finish_login_code(bigint),
    core.make_signal_partitions(integer), core.run_before(bigint, date),
    core.prune(timestamptz), bus.prune(), bus.adopt_restored() TO eldersafe_core;
GRANT INSERT ON anchor.leaves TO eldersafe_core;
GRANT USAGE ON SEQUENCE anchor.leaf_ids TO eldersafe_core;
GRANT SELECT ON anchor.tiles, anchor.headers TO eldersafe_core; -- for receipts; both are public
GRANT EXECUTE ON FUNCTION anchor.leaf_status(bigint[]), anchor.receipt(bigint), anchor.queue_age()
    TO eldersafe_core;
GRANT SELECT ON pay.balances TO eldersafe_core;
GRANT SELECT ON bus.outbox TO eldersafe_core; -- to relay it; its own events come from core.begin_login
GRANT SELECT, UPDATE (passed, target, event_id, moved_at) ON bus.relay_position TO eldersafe_core;

-- --- eldersafe-notify: takes events, keeps messages ---------------------------------------------
GRANT USAGE ON SCHEMA bus, vault TO eldersafe_notify;
GRANT SELECT ON bus.outbox TO eldersafe_notify;
GRANT SELECT, INSERT ON bus.inbox TO eldersafe_notify;
GRANT SELECT, INSERT, UPDATE (taken_below, moved_at) ON bus.consumers TO eldersafe_notify;
GRANT SELECT, INSERT, UPDATE (failures, last_error, next_at, parked_at), DELETE ON bus.failures
    TO eldersafe_notify;
GRANT EXECUTE ON FUNCTION
    bus.retention(), bus.pause_after(integer), bus.survey(text, text[], bigint),
    bus.waiting(text, text[], bigint, bigint), bus.take(text, bigint, text[]),
    bus.begin_try(text, bigint, integer), bus.fail_try(text, bigint, text, integer, integer)
    TO eldersafe_notify;
GRANT SELECT ON vault.contacts TO eldersafe_notify;
GRANT SELECT, INSERT, DELETE,
      UPDATE (state, attempts, next_at, sealed, provider_ref, last_error) ON vault.messages
    TO eldersafe_notify;

-- --- eldersafe-ledger: the log and its way onto the chain ---------------------------------------
GRANT USAGE ON SCHEMA anchor, pay, bus TO eldersafe_ledger;
GRANT SELECT, DELETE ON anchor.leaves TO eldersafe_ledger;
GRANT SELECT, INSERT ON anchor.entries, anchor.checkpoints, anchor.transitions TO eldersafe_ledger;
GRANT SELECT, INSERT, UPDATE (size, sealed_at) ON anchor.log TO eldersafe_ledger;
GRANT SELECT, INSERT, UPDATE (hashes) ON anchor.tiles TO eldersafe_ledger;
-- What a transaction is and what a coin is worth never changes; what became of them does.
GRANT SELECT, INSERT, UPDATE (state, state_since, next_at, sends, sent_at, failures, block_hash,
                              block_height, block_header, bump) ON anchor.transactions
    TO eldersafe_ledger;
GRANT SELECT, INSERT, UPDATE (spent_by, usable) ON anchor.coins TO eldersafe_ledger;
GRANT SELECT, INSERT, UPDATE (count, last_at) ON anchor.broadcast_failures TO eldersafe_ledger;
GRANT SELECT, INSERT, UPDATE (best) ON anchor.headers TO eldersafe_ledger;
GRANT SELECT, INSERT, UPDATE (next_at, failures), DELETE ON anchor.unanchored TO eldersafe_ledger;
GRANT SELECT ON anchor.rewarded TO eldersafe_ledger;
GRANT EXECUTE ON FUNCTION anchor.queue_age(), pay.post_rewards(bigint) TO eldersafe_ledger;
GRANT SELECT (event_id), INSERT ON bus.outbox TO eldersafe_ledger;

-- --- eldersafe-auditor: reads everything but secrets --------------------------------------------
GRANT USAGE ON SCHEMA core, anchor, pay, bus, vault TO eldersafe_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA anchor, pay, bus TO eldersafe_auditor;
GRANT SELECT ON core.members, core.liveness, core.signals, core.audit_log, core.status, core.audit
    TO eldersafe_auditor;
GRANT SELECT (login_id, member_id, code_tries, created_at, expires_at, used_at) ON core.logins
    TO eldersafe_auditor;
GRANT SELECT (session_id, member_id, scope, device, created_at, expires_at, revoked_at)
    ON core.sessions TO eldersafe_auditor;
GRANT SELECT (revocation_id, expires_at, revoked_at) ON core.revocations TO eldersafe_auditor;
GRANT SELECT (state, status, expires_at, lease_until) ON core.idempotency TO eldersafe_auditor;
GRANT SELECT (member_id, kind, updated_at) ON vault.contacts TO eldersafe_auditor;
GRANT SELECT (message_id, event_id, member_id, channel, template, state, attempts, next_at,
              expires_at, provider_ref, last_error, created_at) ON vault.messages
    TO eldersafe_auditor;

-- --- eldersafectl: members, tokens, what there is to see ----------------------------------------
GRANT USAGE ON SCHEMA core, anchor, pay, bus, vault TO eldersafe_admin;
GRANT SELECT ON ALL TABLES IN SCHEMA anchor TO eldersafe_admin;
GRANT INSERT ON anchor.coins TO eldersafe_admin; -- funding by hand
GRANT SELECT ON core.members, core.liveness, core.signals, core.status, core.audit TO eldersafe_admin;
GRANT SELECT (session_id, member_id, scope, device, created_at, expires_at, revoked_at), INSERT
    ON core.sessions TO eldersafe_admin;
GRANT INSERT ON core.audit_log TO eldersafe_admin;
GRANT SELECT ON pay.balances TO eldersafe_admin;
GRANT SELECT ON bus.outbox, bus.relay_position, bus.consumers, bus.failures TO eldersafe_admin;
GRANT EXECUTE ON FUNCTION bus.replay_parked(text, bigint) TO eldersafe_admin;
GRANT SELECT (message_id, member_id, channel, template, state, attempts, next_at, expires_at,
              last_error, created_at) ON vault.messages TO eldersafe_admin;
GRANT EXECUTE ON FUNCTION
    core.add_members(bytea[], bytea[], bytea[], text[], bytea[], text, uuid),
    core.make_signal_partitions(integer), anchor.leaf_status(bigint[]), anchor.receipt(bigint),
    anchor.queue_age() TO eldersafe_admin;
