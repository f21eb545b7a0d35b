-- name: take_snapshot
-- See the database as it is at one moment until the transaction ends, and lock nobody out.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- name: limit_audit
-- Bound how long a statement of an audit may take, and how long an audit that stopped in the
-- middle keeps its snapshot.
SELECT
    set_config('statement_timeout', %(statement_timeout)s, true),
    set_config('idle_in_transaction_session_timeout', %(idle_timeout)s, true);

-- name: count_changes
-- How many shows there are, and how many changes of theirs.
SELECT count(*), coalesce(sum(version), 0)::bigint FROM shows;

-- name: find_next_show
-- The lowest show id above one that any table knows, null where there is none.
SELECT least(
    (SELECT min(id) FROM shows WHERE id > %(after)s::bigint),
    (SELECT min(show_id) FROM bookings WHERE show_id > %(after)s::bigint),
    (SELECT min(show_id) FROM taken_seats WHERE show_id > %(after)s::bigint),
    (SELECT min(show_id) FROM changes WHERE show_id > %(after)s::bigint)
);

-- name: read_audited_show
-- A show, and a time that all of the snapshot is older than.
SELECT
    clock_timestamp(), id, name, start_time, total_seats, seats_per_row, hold_seconds,
    version, pending_seats, confirmed_seats, max_pending_seats
FROM shows
WHERE id = %(show_id)s;

-- name: read_steps
-- The next entries of a show's log, so many, or fewer where they are about more seats than that.
SELECT version AS place, version, numbers, statuses, previous
FROM (
    SELECT
        version, numbers, statuses, previous,
        sum(cardinality(numbers)) OVER (ORDER BY version) - cardinality(numbers) AS seats_before
    FROM (
        SELECT version, numbers, statuses, previous
        FROM changes
        WHERE show_id = %(show_id)s AND version > %(after)s::bigint
        ORDER BY version
        LIMIT %(size)s
    ) AS next
) AS counted
WHERE seats_before < %(size)s
ORDER BY version;

-- name: read_taken_seats
-- The next taken seats of a show, each with its booking's id and state.
SELECT
    number,
    booking_id,
    (
        SELECT status
        FROM bookings
        WHERE bookings.show_id = taken_seats.show_id AND bookings.id = booking_id
    ) AS status
FROM taken_seats
WHERE show_id = %(show_id)s AND number > %(after)s::bigint
ORDER BY number
LIMIT %(size)s;

-- name: read_audited_bookings
-- The next bookings of a show by id, so many, or fewer where they have more seats than that; the
-- seats of those that have failed are left out, and names and keys of all.
SELECT
    id AS place, show_id, id, '' AS user_name, status, failure_reason, seat_numbers,
    created_at, expires_at, confirmed_at
FROM (
    SELECT *, sum(cardinality(seat_numbers)) OVER (ORDER BY id) - cardinality(seat_numbers) AS seats_before
    FROM (
        SELECT
            show_id, id, status, failure_reason, created_at, expires_at, confirmed_at,
            CASE WHEN status = 'FAILED' THEN '{}' ELSE seat_numbers END AS seat_numbers
        FROM bookings
        WHERE show_id = %(show_id)s AND id > %(after)s
        ORDER BY id
        LIMIT %(size)s
    ) AS next
) AS counted
WHERE seats_before < %(size)s
ORDER BY id;

-- name: read_sale
-- A show as it is sold, at one moment, and a time that all of it is older than: a row for each
-- booking, whole, with the seats that it has; one without a booking for seats that nobody has
-- booked, and where nothing was.
SELECT
    clock_timestamp(),
    shows.id, name, start_time, total_seats, seats_per_row, hold_seconds,
    version, pending_seats, confirmed_seats, max_pending_seats,
    sold.show_id, sold.id, user_name, status, failure_reason, seat_numbers,
    sold.created_at, expires_at, confirmed_at, idempotency_key, fingerprint, owner,
    coalesce(taken.numbers, '{}')
FROM shows
LEFT JOIN (
    (SELECT * FROM bookings WHERE show_id = %(show_id)s) AS sold
    FULL JOIN (
        SELECT booking_id, array_agg(number ORDER BY number) AS numbers
        FROM taken_seats
        WHERE show_id = %(show_id)s
        GROUP BY booking_id
    ) AS taken ON taken.booking_id = sold.id
) ON true
WHERE shows.id = %(show_id)s;
