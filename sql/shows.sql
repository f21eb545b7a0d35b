-- name: next_show_id
-- Take an id for a show to come.
SELECT nextval(pg_get_serial_sequence('shows', 'id'));

-- name: create_show
-- Add a show with all its seats free, unless this was done before; returns it.
INSERT INTO shows (
    id, name, folded_name, start_time, total_seats, seats_per_row, hold_seconds, max_pending_seats
)
OVERRIDING SYSTEM VALUE
VALUES (
    %(id)s, %(name)s, %(folded_name)s, %(start_time)s, %(total_seats)s, %(seats_per_row)s, %(hold_seconds)s,
    %(max_pending_seats)s
)
-- Set to what it is, so that it is returned; nobody else has this id.
ON CONFLICT ON CONSTRAINT shows_pkey DO UPDATE SET name = excluded.name
RETURNING
    id, name, start_time, total_seats, seats_per_row, hold_seconds,
    version, pending_seats, confirmed_seats, max_pending_seats;

-- name: read_shows
-- The shows with these ids; unknown ids are left out.
SELECT
    id, name, start_time, total_seats, seats_per_row, hold_seconds,
    version, pending_seats, confirmed_seats, max_pending_seats
FROM shows
WHERE id = ANY(%(ids)s::bigint[]);

-- name: list_shows
-- A page of shows by start time, after a place in that order; returns them in order.
SELECT
    id, name, start_time, total_seats, seats_per_row, hold_seconds,
    version, pending_seats, confirmed_seats, max_pending_seats
FROM shows
WHERE (start_time, id) > (%(after_time)s::timestamptz, %(after_id)s::bigint)
    AND start_time > %(starts_after)s::timestamptz
    AND strpos(folded_name, %(search)s::text) > 0
ORDER BY start_time, id
LIMIT %(size)s;

-- name: read_versions
-- The version of each of these shows.
SELECT id, version
FROM shows
WHERE id = ANY(%(ids)s::bigint[]);

-- name: lock_free_shows
-- Lock the shows that nobody else has locked, in id order; returns those, each with the time after
-- its lock: the last row's is that of the decision.
SELECT locked.*, clock_timestamp()
FROM (
    SELECT
        id, name, start_time, total_seats, seats_per_row, hold_seconds,
        version, pending_seats, confirmed_seats, max_pending_seats
    FROM shows
    WHERE id = ANY(%(ids)s::bigint[])
    ORDER BY id
    FOR NO KEY UPDATE SKIP LOCKED
) AS locked;

-- name: wait_for_strangers
-- Wait for locks as long as it takes, up to a limit, until the transaction ends.
SELECT set_config('lock_timeout', %(limit)s, true);

-- name: lock_shows
-- Lock the shows in id order, waiting for whoever has them; returns them, each with the time after
-- its lock, as above.
SELECT locked.*, clock_timestamp()
FROM (
    SELECT
        id, name, start_time, total_seats, seats_per_row, hold_seconds,
        version, pending_seats, confirmed_seats, max_pending_seats
    FROM shows
    WHERE id = ANY(%(ids)s::bigint[])
    ORDER BY id
    FOR NO KEY UPDATE
) AS locked;

-- name: advance_shows
-- Give shows their next versions and the counters that go with them (an object by id).
UPDATE shows
SET version = (%(counts)s::jsonb -> id::text ->> 'version')::integer,
    pending_seats = (%(counts)s::jsonb -> id::text ->> 'pending_seats')::integer,
    confirmed_seats = (%(counts)s::jsonb -> id::text ->> 'confirmed_seats')::integer
WHERE ctid = ANY(ARRAY(
    SELECT ctid
    FROM shows
    WHERE id = ANY(%(ids)s::bigint[])
    ORDER BY id -- so it is the key that finds them, however small the table was
));
