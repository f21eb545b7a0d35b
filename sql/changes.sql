-- name: read_changes
-- The changes of a show after one version up to another, in order.
SELECT version, numbers, statuses, previous
FROM changes
WHERE show_id = %(id)s AND version > %(after)s AND version <= %(upto)s
ORDER BY version;

-- name: log_changes
-- Put on record what each step of a show's version changed.
INSERT INTO changes (show_id, version, changed_at, numbers, statuses, previous)
SELECT show_id, version, changed_at, numbers, statuses, previous
FROM json_to_recordset(%(changes)s::json) AS new (
    show_id bigint, version integer, changed_at timestamptz,
    numbers integer[], statuses text, previous text
);
