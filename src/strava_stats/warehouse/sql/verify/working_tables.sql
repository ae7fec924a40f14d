-- what `verify` compares: what the journals promise, and what the shards hold
create temp table promised (run_id varchar, seq bigint, id bigint, body_hash varchar);

create temp table held (file varchar, run_id varchar, seq bigint, id bigint, body_hash varchar);
