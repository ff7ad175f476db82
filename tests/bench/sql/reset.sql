-- Back to the morning: nobody has signalled. As the superuser, who alone can take the append-only
-- locks away. Ends vacuumed, so that no run pays for the one before.
BEGIN;
TRUNCATE anchor.leaves;
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT relid FROM pg_partition_tree('core.signals') LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER append_only_table', part);
    END LOOP;
    TRUNCATE core.signals;
    FOR part IN SELECT relid FROM pg_partition_tree('core.signals') LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only_table', part);
    END LOOP;
END
$$;
UPDATE core.liveness SET last_day = NULL, streak = 0, last_signal_at = NULL WHERE last_day IS NOT NULL;
COMMIT;
VACUUM core.liveness;
