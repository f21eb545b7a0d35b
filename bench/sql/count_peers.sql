-- The same of the peers' tables.
SELECT
    count(*) AS bookings,
    count(*) AS seats,
    count(DISTINCT (show_id, seat_number)) AS different_seats,
    (SELECT count(*) FROM seats WHERE status <> 'AVAILABLE' AND booking_id IS NOT NULL) AS taken,
    (SELECT coalesce(sum(total_seats - available_seats), 0) FROM shows) AS counted
FROM bookings
