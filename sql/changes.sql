-- name: read_changes
-- The changes of a show after one version up to another, in order.
SELECT version, numbers, statuses
FROM changes
WHERE show_id = %(id)s AND version > %(after)s AND version <= %(upto)s
ORDER BY version;

-- name: read_log
-- What each seat of a show became last up to a version: the map of that version, told by its log.
SELECT DISTINCT ON (seat.number) seat.number, seat.status
FROM changes
CROSS JOIN unnest(changes.numbers, string_to_array(changes.statuses, NULL)) AS seat (number, status)
WHERE changes.show_id = %(id)s AND changes.version <= %(version)s
ORDER BY seat.number, changes.version DESC;
