-- name: read_taken
-- The taken seats of these shows; returns a row a show with an array of numbers.
SELECT show_id, array_agg(number)
FROM taken_seats
WHERE show_id = ANY(%(ids)s::bigint[])
GROUP BY show_id;

-- name: release_seats
-- Free these seats; fails (division by zero) unless each of them was there to be freed.
WITH freed AS (
    DELETE FROM taken_seats
    WHERE ctid = ANY(ARRAY(
        SELECT
            (
                SELECT taken_seats.ctid
                FROM taken_seats
                WHERE taken_seats.show_id = asked.show_id AND taken_seats.number = asked.number
            )
        FROM unnest(%(show_ids)s::bigint[], %(numbers)s::integer[]) AS asked (show_id, number)
    ))
    RETURNING number
)
SELECT 1 / (count(*) = cardinality(%(numbers)s::integer[]))::integer
FROM freed;

-- name: take_seats
-- Give seats to bookings.
INSERT INTO taken_seats (show_id, number, booking_id)
SELECT show_id, number, booking_id
FROM unnest(%(show_ids)s::bigint[], %(numbers)s::integer[], %(booking_ids)s::uuid[])
    AS new (show_id, number, booking_id);

-- name: read_map
-- A show's version and taken seats at one moment: its size, the numbers, and whether each is
-- confirmed, in the same order. Nothing where there is no such show.
SELECT
    shows.version,
    shows.total_seats,
    coalesce(array_agg(taken.number) FILTER (WHERE taken.status = 'PENDING'), '{}') AS pending,
    coalesce(array_agg(taken.number) FILTER (WHERE taken.status = 'CONFIRMED'), '{}') AS confirmed
FROM shows
LEFT JOIN (
    SELECT taken_seats.show_id, taken_seats.number, bookings.status
    FROM taken_seats
    JOIN bookings ON bookings.show_id = taken_seats.show_id AND bookings.id = taken_seats.booking_id
) AS taken ON taken.show_id = shows.id
WHERE shows.id = %(id)s
GROUP BY shows.id;
