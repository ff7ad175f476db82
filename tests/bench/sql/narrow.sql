-- What a signal costs PostgreSQL at the very least: a narrow row and a counter, nothing else.
CREATE SCHEMA narrow;
CREATE TABLE narrow.signals (member_id bigint, day date, received_at timestamptz NOT NULL, PRIMARY KEY (member_id, day));
CREATE TABLE narrow.liveness (member_id bigint PRIMARY KEY, last_day date, streak integer NOT NULL) WITH (fillfactor = 50);
CREATE SEQUENCE narrow.next CACHE 64;
INSERT INTO narrow.liveness SELECT n, NULL, 0 FROM generate_series(1, :members) n;
VACUUM ANALYZE narrow.liveness;
