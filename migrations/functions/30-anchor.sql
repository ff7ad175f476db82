-- What the tiers may know of the log: they have no right on its tables.

CREATE OR REPLACE FUNCTION anchor.leaf_status(leaf_ids bigint[])
RETURNS TABLE (leaf_id bigint, leaf_index bigint, checkpoint_id bigint, state text, txid bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog ROWS 100 AS $$
    SELECT asked.leaf_id, e.leaf_index, c.checkpoint_id,
           CASE WHEN e.leaf_index IS NULL THEN 'pending' ELSE coalesce(t.state, 'sealed') END, t.txid
    FROM unnest(leaf_ids) AS asked (leaf_id)
    LEFT JOIN anchor.entries e ON e.leaf_id = asked.leaf_id
    LEFT JOIN LATERAL (
        SELECT covering.checkpoint_id FROM anchor.checkpoints covering
        WHERE covering.size > e.leaf_index ORDER BY covering.size LIMIT 1) c ON true
    LEFT JOIN anchor.transactions t
        ON t.checkpoint_id = c.checkpoint_id AND t.state IN ('sent', 'seen', 'mined', 'final')
    WHERE e.leaf_id IS NOT NULL
       OR EXISTS (SELECT FROM anchor.leaves w WHERE w.leaf_id = asked.leaf_id)
$$;
COMMENT ON FUNCTION anchor.leaf_status(bigint[]) IS 'How far each leaf has come: pending, sealed (in the log, its transaction not yet taken by anybody), sent, seen, mined, final. Leaves that do not exist are left out; txid (internal byte order) is there from sent on.';

CREATE OR REPLACE FUNCTION anchor.receipt(leaf_id bigint)
RETURNS TABLE (leaf_index bigint, size bigint, root bytea, note text, state text, raw bytea,
               bump bytea, block_hash bytea, block_height bigint, block_header bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog ROWS 1 AS $$
    SELECT s.leaf_index, c.size, c.root, c.note, s.state, t.raw,
           CASE WHEN in_block.yes THEN t.bump END, CASE WHEN in_block.yes THEN t.block_hash END,
           CASE WHEN in_block.yes THEN t.block_height END,
           CASE WHEN in_block.yes THEN t.block_header END
    FROM anchor.leaf_status(ARRAY[receipt.leaf_id]) s
    LEFT JOIN anchor.checkpoints c ON c.checkpoint_id = s.checkpoint_id
    LEFT JOIN anchor.transactions t ON t.txid = s.txid
    CROSS JOIN LATERAL (SELECT s.state IN ('mined', 'final')) in_block (yes)
$$;
COMMENT ON FUNCTION anchor.receipt(bigint) IS 'What proves a leaf: one row, NULL where not yet known; no row for a leaf that does not exist. The path inside the tree comes from anchor.tiles.';

CREATE OR REPLACE FUNCTION anchor.queue_age() RETURNS TABLE (waiting bigint, oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog ROWS 1 AS $$
    -- Ids follow time closely enough that the oldest leaf is among the first ones.
    WITH head AS MATERIALIZED (
        SELECT l.waiting_since FROM anchor.leaves l ORDER BY l.leaf_id LIMIT 10001
    )
    SELECT CASE WHEN count(*) <= 10000 THEN count(*)
                ELSE greatest(count(*), (SELECT reltuples::bigint FROM pg_catalog.pg_class
                                         WHERE oid = 'anchor.leaves'::regclass)) END,
           min(head.waiting_since)
    FROM head
$$;
COMMENT ON FUNCTION anchor.queue_age() IS 'Leaves that wait to be sealed (an estimate above 10,000) and since when the oldest does; NULL when none waits.';
