-- name: read_changes
-- The changes of a show after one version up to another, in order.
SELECT version, numbers, statuses, previous
FROM changes
WHERE show_id = %(id)s AND version > %(after)s AND version <= %(upto)s
ORDER BY version;
