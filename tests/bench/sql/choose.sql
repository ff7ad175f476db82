\o :list
SELECT member_id, encode(public_id, 'hex') FROM core.members ORDER BY md5(member_id::text) LIMIT :tokens;
