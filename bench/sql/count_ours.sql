-- What Boxoffice has on record: bookings that have seats, their seats, and those told apart; what
-- the seats' table says; what the shows' counters say; the steps of the log. All must agree.
SELECT
    (SELECT count(*) FROM bookings WHERE status <> 'FAILED') AS bookings,
    (SELECT coalesce(sum(cardinality(seat_numbers)), 0) FROM bookings WHERE status <> 'FAILED') AS seats,
    (
        SELECT count(DISTINCT (show_id, number))
        FROM bookings, unnest(seat_numbers) AS number
        WHERE status <> 'FAILED'
    ) AS different_seats,
    (SELECT count(*) FROM taken_seats) AS taken,
    (SELECT coalesce(sum(pending_seats + confirmed_seats), 0) FROM shows) AS counted
