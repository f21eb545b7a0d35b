-- name: read_touched
-- The bookings that a batch of commands meets, and the time to judge them by: those with these
-- ids, with these keys, holding one of these seats, or lapsed in one of these shows. Returns a row
-- a booking, each with the clock; a single row of nulls with the clock where there is none.
WITH moment AS MATERIALIZED (
    SELECT clock_timestamp() AS clock
), touched AS (
    SELECT asked.show_id, asked.id
    FROM unnest(%(show_ids)s::bigint[], %(ids)s::uuid[]) AS asked (show_id, id)
    UNION
    -- Look-ups, not joins: the plan is made once, and a join planned while the tables were
    -- small would read all of them when they have grown.
    SELECT
        asked.show_id,
        (
            SELECT bookings.id
            FROM bookings
            WHERE bookings.show_id = asked.show_id AND bookings.idempotency_key = asked.key
        )
    FROM unnest(%(key_show_ids)s::bigint[], %(keys)s::text[]) AS asked (show_id, key)
    UNION
    SELECT
        asked.show_id,
        (
            SELECT taken_seats.booking_id
            FROM taken_seats
            WHERE taken_seats.show_id = asked.show_id AND taken_seats.number = asked.number
        )
    FROM unnest(%(seat_show_ids)s::bigint[], %(numbers)s::integer[]) AS asked (show_id, number)
    UNION
    SELECT bookings.show_id, bookings.id
    FROM bookings, moment
    WHERE bookings.show_id = ANY(%(whole_show_ids)s::bigint[])
        AND bookings.status = 'PENDING'
        AND bookings.expires_at <= moment.clock
)
SELECT
    moment.clock,
    met.show_id, met.id, met.user_name, met.status, met.failure_reason, met.seat_numbers,
    met.created_at, met.expires_at, met.confirmed_at, met.idempotency_key, met.fingerprint
FROM moment
LEFT JOIN (
    SELECT booking.*
    FROM touched
    CROSS JOIN LATERAL (
        SELECT
            show_id, id, user_name, status, failure_reason, seat_numbers,
            created_at, expires_at, confirmed_at, idempotency_key, fingerprint
        FROM bookings
        WHERE bookings.show_id = touched.show_id AND bookings.id = touched.id
        LIMIT 1 -- there is one; this keeps it a look-up
    ) AS booking
) AS met ON true;

-- name: save_batch
-- Write what a batch decided: new bookings, new states of old ones, seats taken, each show's
-- counters and its next version with the change behind it.
WITH created AS (
    INSERT INTO bookings (
        show_id, id, user_name, status, failure_reason, seat_numbers,
        created_at, expires_at, confirmed_at, idempotency_key, fingerprint
    )
    SELECT
        show_id, id, user_name, status, failure_reason, seat_numbers::integer[],
        %(clock)s, expires_at, confirmed_at, idempotency_key, fingerprint
    FROM unnest(
        %(created_show_ids)s::bigint[], %(created_ids)s::uuid[], %(created_user_names)s::text[],
        %(created_statuses)s::text[], %(created_reasons)s::text[], %(created_seats)s::text[],
        %(created_expires_at)s::timestamptz[], %(created_confirmed_at)s::timestamptz[],
        %(created_keys)s::text[], %(created_fingerprints)s::bytea[]
    ) AS new (
        show_id, id, user_name, status, failure_reason, seat_numbers,
        expires_at, confirmed_at, idempotency_key, fingerprint
    )
), moved AS (
    UPDATE bookings
    SET status = new.status, failure_reason = new.failure_reason, confirmed_at = new.confirmed_at
    FROM (
        SELECT
            asked.*,
            (
                SELECT bookings.ctid
                FROM bookings
                WHERE bookings.show_id = asked.show_id AND bookings.id = asked.id
            ) AS place -- a look-up again
        FROM unnest(
            %(moved_show_ids)s::bigint[], %(moved_ids)s::uuid[], %(moved_statuses)s::text[],
            %(moved_reasons)s::text[], %(moved_confirmed_at)s::timestamptz[]
        ) AS asked (show_id, id, status, failure_reason, confirmed_at)
        OFFSET 0
    ) AS new
    WHERE bookings.ctid = new.place
    RETURNING bookings.id
), taken AS (
    INSERT INTO taken_seats (show_id, number, booking_id)
    SELECT show_id, number, booking_id
    FROM unnest(
        %(taken_show_ids)s::bigint[], %(taken_numbers)s::integer[], %(taken_booking_ids)s::uuid[]
    ) AS new (show_id, number, booking_id)
), counted AS (
    UPDATE shows
    SET version = new.version,
        pending_seats = new.pending_seats,
        confirmed_seats = new.confirmed_seats
    FROM unnest(
        %(changed_show_ids)s::bigint[], %(changed_versions)s::integer[],
        %(changed_pending)s::integer[], %(changed_confirmed)s::integer[]
    ) AS new (id, version, pending_seats, confirmed_seats)
    WHERE shows.id = new.id
)
INSERT INTO changes (show_id, version, changed_at, numbers, statuses, previous)
SELECT
    show_id,
    -- No version, and so no commit, unless every booking is as it was when it was read: somebody
    -- without the lock on the show may have changed it. The batch is then decided anew.
    CASE WHEN (SELECT count(*) FROM moved) = cardinality(%(moved_ids)s::uuid[]) THEN version END,
    %(clock)s, numbers::integer[], statuses, previous
FROM unnest(
    %(changed_show_ids)s::bigint[], %(changed_versions)s::integer[],
    %(changed_numbers)s::text[], %(changed_statuses)s::text[], %(changed_previous)s::text[]
) AS new (show_id, version, numbers, statuses, previous);

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
    bookings.created_at, expires_at, confirmed_at, idempotency_key, fingerprint,
    shows.id, name, start_time, total_seats, seats_per_row, hold_seconds,
    version, pending_seats, confirmed_seats
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
    bookings.created_at, expires_at, confirmed_at, idempotency_key, fingerprint,
    shows.id, name, start_time, total_seats, seats_per_row, hold_seconds,
    version, pending_seats, confirmed_seats
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
