-- What Boxoffice has on record for some shows: bookings that have seats, their seats, those seats told
-- apart, what the seats' own table says, and what the counters say.
WITH booked AS (
    SELECT
        show_id,
        id,
        seat_numbers
    FROM bookings
    WHERE show_id = ANY(%(shows)s) AND status <> 'FAILED'
)

SELECT
    (SELECT count(*) FROM booked) AS bookings,
    (SELECT coalesce(sum(cardinality(seat_numbers)), 0) FROM booked) AS seats,
    (SELECT count(DISTINCT (show_id, number)) FROM booked, unnest(seat_numbers) AS number) AS different_seats,
    (SELECT count(*) FROM taken_seats WHERE show_id = ANY(%(shows)s)) AS taken,
    (SELECT coalesce(sum(pending_seats + confirmed_seats), 0) FROM shows WHERE id = ANY(%(shows)s)) AS counted
