-- Keys for the scripts of admins. They are about no show: where tables are distributed by show,
-- every node has a copy.

CREATE TABLE api_keys (
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    secret_hash bytea NOT NULL, -- SHA-256: the secret has 256 random bits, and can't be guessed
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id)
);
