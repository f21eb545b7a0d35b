-- The same of the peers' tables.
SELECT
    count(*) AS bookings,
    count(*) AS seats,
    count(DISTINCT (show_id, seat_number)) AS different_seats,
    (SELECT count(*) FROM seats WHERE show_id = ANY(%(shows)s) AND status <> 'AVAILABLE' AND booking_id IS NOT NULL) AS taken,
    (SELECT coalesce(sum(total_seats - available_seats), 0) FROM shows WHERE id = ANY(%(shows)s)) AS counted
FROM bookings
WHERE show_id = ANY(%(shows)s)
