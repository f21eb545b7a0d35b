-- name: read_flag_revision
-- The number of the latest change of a flag; 0 where none was ever made.
SELECT coalesce(max(revision), 0) FROM flag_changes;

-- name: read_flags
-- All flags, by key: key, value, percentage, changed_at, changed_by.
SELECT key, value, percentage::float8, changed_at, changed_by
FROM flags
ORDER BY key;

-- name: set_flag
-- Make a flag what it is to be, and put that on record unless it was so already; returns the flag.
WITH wanted AS (
    SELECT %(key)s::text AS key, %(value)s::jsonb AS value, %(percentage)s::numeric(5, 2) AS percentage
), change AS (
    INSERT INTO flag_changes
        (revision, key, previous_value, previous_percentage, value, percentage, changed_by)
    SELECT
        (SELECT coalesce(max(revision), 0) + 1 FROM flag_changes),
        wanted.key, flags.value, flags.percentage, wanted.value, wanted.percentage, %(changed_by)s
    FROM wanted LEFT JOIN flags ON flags.key = wanted.key
    -- As text: 1 and 1.0 are one number, but two types of flag.
    WHERE (flags.value::text, flags.percentage) IS DISTINCT FROM (wanted.value::text, wanted.percentage)
    RETURNING key, value, percentage, changed_at, changed_by
), changed AS (
    -- Behind the record: whoever has the next revision has the flag, too.
    INSERT INTO flags (key, value, percentage, changed_at, changed_by)
    SELECT key, value, percentage, changed_at, changed_by FROM change
    ON CONFLICT (key) DO UPDATE
    SET value = excluded.value,
        percentage = excluded.percentage,
        changed_at = excluded.changed_at,
        changed_by = excluded.changed_by
    RETURNING key, value, percentage, changed_at, changed_by
)
SELECT key, value, percentage::float8, changed_at, changed_by FROM changed
UNION ALL
SELECT key, value, percentage::float8, changed_at, changed_by
FROM flags
WHERE key = %(key)s AND NOT EXISTS (SELECT FROM changed);

-- name: delete_flag
-- Delete a flag, and put that on record; returns the flag as it was, nothing where there is none.
WITH change AS (
    INSERT INTO flag_changes (revision, key, previous_value, previous_percentage, changed_by)
    SELECT
        (SELECT coalesce(max(revision), 0) + 1 FROM flag_changes),
        key, value, percentage, %(changed_by)s
    FROM flags
    WHERE key = %(key)s
    RETURNING key
)
DELETE FROM flags
USING change
WHERE flags.key = change.key
RETURNING flags.key, flags.value, flags.percentage::float8, flags.changed_at, flags.changed_by;

-- name: list_flag_changes
-- Changes of flags (of one, or without a key of all) below a revision, the latest first.
SELECT
    revision, key, previous_value, previous_percentage::float8, value, percentage::float8, changed_at, changed_by
FROM flag_changes
WHERE revision < %(before)s AND (%(key)s::text IS NULL OR key = %(key)s)
ORDER BY revision DESC
LIMIT %(size)s;
