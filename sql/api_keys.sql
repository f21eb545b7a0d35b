-- name: create_api_key
-- Add an API key; returns its id.
INSERT INTO api_keys (name, secret_hash)
VALUES (%(name)s, %(secret_hash)s)
RETURNING id;

-- name: list_api_keys
-- All API keys, the oldest first.
SELECT id, name, created_at, revoked_at
FROM api_keys
ORDER BY id;

-- name: revoke_api_key
-- End an API key; returns its name, nothing where there is none. Again: the same.
UPDATE api_keys
SET revoked_at = coalesce(revoked_at, clock_timestamp())
WHERE id = %(id)s
RETURNING name;

-- name: read_api_key_hashes
-- The hashes of those of these API keys that are in force.
SELECT id, secret_hash
FROM api_keys
WHERE id = ANY(%(ids)s::bigint[]) AND revoked_at IS NULL;
