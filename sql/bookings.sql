-- The desk's statements look up what they read and change, and never join: the plan is made once,
-- and a join planned while the tables were small would read all of them when they have grown.
-- For the same reason a key is looked up as a range in its own order: of the indexes that begin
-- with the show only the key's has that order, so that no small table makes another look as good.

-- name: find_bookings
-- The bookings with these ids.
SELECT met.*
FROM unnest(%(show_ids)s::bigint[], %(ids)s::uuid[]) AS asked (show_id, id)
CROSS JOIN LATERAL (
    SELECT
        show_id, id, user_name, status, failure_reason, seat_numbers,
        created_at, expires_at, confirmed_at, idempotency_key, fingerprint, owner
    FROM bookings
    WHERE bookings.show_id = asked.show_id AND bookings.id BETWEEN asked.id AND asked.id
    ORDER BY bookings.id
    LIMIT 1
) AS met;

-- name: find_keys
-- The bookings that were made with these idempotency keys, each by the key's owner.
SELECT met.*
FROM json_to_recordset(%(keys)s::json) AS asked (show_id bigint, owner text, key text)
CROSS JOIN LATERAL (
    SELECT
        show_id, id, user_name, status, failure_reason, seat_numbers,
        created_at, expires_at, confirmed_at, idempotency_key, fingerprint, owner
    FROM bookings
    WHERE bookings.show_id = asked.show_id
        AND bookings.owner BETWEEN asked.owner AND asked.owner
        AND bookings.idempotency_key BETWEEN asked.key AND asked.key
    ORDER BY bookings.owner, bookings.idempotency_key
    LIMIT 1
) AS met;

-- name: find_held
-- How many seats these customers hold, each with the time by which what has lapsed was left out.
WITH now AS MATERIALIZED (SELECT clock_timestamp() AS counted_at)
SELECT asked.show_id, asked.owner, held.seats, now.counted_at
FROM now
CROSS JOIN json_to_recordset(%(owners)s::json) AS asked (show_id bigint, owner text)
CROSS JOIN LATERAL (
    SELECT
        coalesce(
            sum(cardinality(met.seat_numbers)) FILTER (WHERE met.expires_at > now.counted_at), 0
        )::integer AS seats
    FROM (
        SELECT seat_numbers, expires_at
        FROM bookings
        WHERE bookings.show_id = asked.show_id
            AND bookings.owner BETWEEN asked.owner AND asked.owner
            AND bookings.status = 'PENDING'
            AND bookings.owner <> ''
        ORDER BY bookings.owner
        LIMIT 100000 -- a booking has a seat at least, and no show has more
    ) AS met
) AS held;

-- name: find_holders
-- The bookings that have these seats, each once.
SELECT met.*
FROM (
    SELECT DISTINCT
        asked.show_id,
        (
            SELECT taken_seats.booking_id
            FROM taken_seats
            WHERE taken_seats.show_id = asked.show_id AND taken_seats.number = asked.number
        ) AS id
    FROM unnest(%(show_ids)s::bigint[], %(numbers)s::integer[]) AS asked (show_id, number)
) AS holder
CROSS JOIN LATERAL (
    SELECT
        show_id, id, user_name, status, failure_reason, seat_numbers,
        created_at, expires_at, confirmed_at, idempotency_key, fingerprint, owner
    FROM bookings
    WHERE bookings.show_id = holder.show_id AND bookings.id BETWEEN holder.id AND holder.id
    ORDER BY bookings.id
    LIMIT 1
) AS met;

-- name: find_lapsed
-- The bookings of these shows whose holds have passed their deadlines.
SELECT
    show_id, id, user_name, status, failure_reason, seat_numbers,
    created_at, expires_at, confirmed_at, idempotency_key, fingerprint, owner
FROM bookings
WHERE show_id = ANY(%(show_ids)s::bigint[])
    AND status = 'PENDING'
    AND expires_at <= (SELECT clock_timestamp()) -- read once: so the index ends the search
ORDER BY expires_at;

-- name: create_bookings
-- Add new bookings.
INSERT INTO bookings (
    show_id, id, user_name, status, failure_reason, seat_numbers,
    created_at, expires_at, confirmed_at, idempotency_key, fingerprint, owner
)
SELECT
    show_id, id, user_name, status, failure_reason, seat_numbers,
    created_at, expires_at, confirmed_at, idempotency_key, fingerprint, owner
FROM json_to_recordset(%(bookings)s::json) AS new (
    show_id bigint, id uuid, user_name text, status text, failure_reason text,
    seat_numbers integer[], created_at timestamptz, expires_at timestamptz,
    confirmed_at timestamptz, idempotency_key text, fingerprint bytea, owner text
);

-- name: move_bookings
-- Give bookings their new states (an object by id); fails (division by zero) unless each is still
-- there: somebody without the lock on the show may have removed it.
WITH moved AS (
    UPDATE bookings
    SET status = %(states)s::jsonb -> id::text ->> 'status',
        failure_reason = %(states)s::jsonb -> id::text ->> 'failure_reason',
        confirmed_at = (%(states)s::jsonb -> id::text ->> 'confirmed_at')::timestamptz
    WHERE ctid = ANY(ARRAY(
        SELECT
            (
                SELECT bookings.ctid
                FROM bookings
                WHERE bookings.show_id = asked.show_id
                    AND bookings.id BETWEEN asked.id AND asked.id
                ORDER BY bookings.id
                LIMIT 1
            )
        FROM unnest(%(show_ids)s::bigint[], %(ids)s::uuid[]) AS asked (show_id, id)
    ))
    RETURNING id
)
SELECT 1 / (count(*) = cardinality(%(ids)s::uuid[]))::integer
FROM moved;

-- name: list_due
-- Bookings whose hold has passed its deadline, the oldest deadline first, but for some shows.
SELECT show_id, id
FROM bookings
WHERE status = 'PENDING'
    AND show_id <> ALL(%(except_show_ids)s::bigint[])
    AND expires_at <= (SELECT clock_timestamp()) -- read once: so the index ends the search
ORDER BY expires_at
LIMIT %(size)s;

-- name: read_bookings
-- The bookings with these ids and their shows, and the time to judge them by.
SELECT
    clock_timestamp() AS clock,
    bookings.show_id, bookings.id, user_name, status, failure_reason, seat_numbers,
    bookings.created_at, expires_at, confirmed_at, idempotency_key, fingerprint, owner,
    shows.id, name, start_time, total_seats, seats_per_row, hold_seconds,
    version, pending_seats, confirmed_seats, max_pending_seats
FROM unnest(%(show_ids)s::bigint[], %(ids)s::uuid[]) AS asked (show_id, id)
JOIN bookings USING (show_id, id)
JOIN shows ON shows.id = bookings.show_id;

-- name: list_bookings
-- A page of bookings, the newest first, before a place in that order; each with its show and the
-- time to judge it by. A null filter lets everything pass.
WITH moment AS MATERIALIZED (
    SELECT clock_timestamp() AS clock
)
SELECT
    moment.clock,
    bookings.show_id, bookings.id, user_name, status, failure_reason, seat_numbers,
    bookings.created_at, expires_at, confirmed_at, idempotency_key, fingerprint, owner,
    shows.id, name, start_time, total_seats, seats_per_row, hold_seconds,
    version, pending_seats, confirmed_seats, max_pending_seats
FROM moment, bookings
JOIN shows ON shows.id = bookings.show_id
WHERE (bookings.created_at, bookings.show_id, bookings.id)
        < (%(before_time)s::timestamptz, %(before_show_id)s::bigint, %(before_id)s::uuid)
    AND (%(show_id)s::bigint IS NULL OR bookings.show_id = %(show_id)s)
    AND (%(user_name)s::text IS NULL OR user_name = %(user_name)s)
    AND CASE %(status)s::text
        WHEN 'PENDING' THEN status = 'PENDING' AND expires_at > moment.clock
        WHEN 'CONFIRMED' THEN status = 'CONFIRMED'
        WHEN 'FAILED' THEN status = 'FAILED' OR (status = 'PENDING' AND expires_at <= moment.clock)
        ELSE true
    END
ORDER BY bookings.created_at DESC, bookings.show_id DESC, bookings.id DESC
LIMIT %(size)s;
