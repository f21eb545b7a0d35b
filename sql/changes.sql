-- name: read_changes
-- The changes of a show after one version up to another, in order.
SELECT version, numbers, statuses, previous
FROM changes
WHERE show_id = %(id)s AND version > %(after)s AND version <= %(upto)s
ORDER BY version;

-- name: log_changes
-- Put on record what each step of a show's version changed.
INSERT INTO changes (show_id, version, changed_at, numbers, statuses, previous)
SELECT show_id, version, %(clock)s::timestamptz, numbers::integer[], statuses, previous
FROM unnest(
    %(show_ids)s::bigint[], %(versions)s::integer[], %(numbers)s::text[],
    %(statuses)s::text[], %(previous)s::text[]
) AS new (show_id, version, numbers, statuses, previous);
