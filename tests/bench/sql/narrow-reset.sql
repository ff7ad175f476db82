TRUNCATE narrow.signals;
ALTER SEQUENCE narrow.next RESTART;
UPDATE narrow.liveness SET last_day = NULL, streak = 0 WHERE streak > 0;
VACUUM narrow.liveness;
