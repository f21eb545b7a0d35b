-- name: lock_migrations
-- Let one process migrate at a time; the lock ends with the transaction.
SELECT pg_advisory_xact_lock(hashtext('boxoffice migrations'));

-- name: create_migrations
-- The record of what was applied.
CREATE TABLE IF NOT EXISTS migrations (
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT migrations_pkey PRIMARY KEY (name)
);

-- name: read_migrations
-- What was applied, each with its checksum.
SELECT name, checksum FROM migrations;

-- name: record_migration
-- Remember that a migration was applied.
INSERT INTO migrations (name, checksum)
VALUES (%(name)s, %(checksum)s);
