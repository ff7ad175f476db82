-- Roles. Run by the superuser before the first migration; safe to run again.
-- One role per process, no more rights than its README lists; eldersafe_owner owns every object and
-- cannot log in. Passwords (or certificates) are set by the deployment, never here.

DO $$
DECLARE
    r record;
BEGIN
    FOR r IN
        SELECT * FROM (VALUES
            ('eldersafe_owner',   false, -1),
            ('eldersafe_migrate', true,   2),
            ('eldersafe_admin',   true,   4),
            ('eldersafe_core',    true,  40),
            ('eldersafe_notify',  true,   8),
            ('eldersafe_ledger',  true,   8),
            ('eldersafe_auditor', true,   4)
        ) AS t(name, can_login, connections)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r.name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', r.name);
        END IF;
        EXECUTE format('ALTER ROLE %I %s CONNECTION LIMIT %s', r.name,
                       CASE WHEN r.can_login THEN 'LOGIN' ELSE 'NOLOGIN' END, r.connections);
        EXECUTE format('ALTER ROLE %I SET search_path = pg_catalog', r.name);
        EXECUTE format('ALTER ROLE %I SET timezone = %L', r.name, 'UTC');
        EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', r.name, '10s');
    END LOOP;
END
$$;

ALTER ROLE eldersafe_core    SET statement_timeout = '30s';
ALTER ROLE eldersafe_notify  SET statement_timeout = '30s';
ALTER ROLE eldersafe_ledger  SET statement_timeout = '120s';
ALTER ROLE eldersafe_admin   SET statement_timeout = '600s';
ALTER ROLE eldersafe_auditor SET statement_timeout = 0;
ALTER ROLE eldersafe_auditor SET default_transaction_read_only = on;
ALTER ROLE eldersafe_migrate SET statement_timeout = 0;

-- Migrations run as eldersafe_migrate, which becomes the owner.
GRANT eldersafe_owner TO eldersafe_migrate;

-- This database is for these roles only; the owner makes the schemas in it, and in public the table
-- of what was applied.
DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT, CREATE ON DATABASE %I TO eldersafe_owner', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO eldersafe_migrate, eldersafe_admin, eldersafe_core,'
                   ' eldersafe_notify, eldersafe_ledger, eldersafe_auditor', current_database());
END
$$;
GRANT USAGE, CREATE ON SCHEMA public TO eldersafe_owner;
