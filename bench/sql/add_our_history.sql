-- Fill Boxoffice's tables with shows that have sold a hundredth of their seats: 100,000 shows, ten
-- bookings each, one in ten of which has lapsed; the log of changes has a step for each.
WITH added AS (
    INSERT INTO shows (
        name, folded_name, start_time, total_seats, seats_per_row, hold_seconds, version, confirmed_seats
    )
    SELECT
        'Old show ' || n,
        'old show ' || n,
        timestamptz '2020-01-01 20:00:00+00' + n * interval '30 minutes',
        1000,
        10,
        120,
        10,
        9
    FROM generate_series(1, %(shows)s) AS n
    RETURNING id, start_time
),

booked AS (
    INSERT INTO bookings (
        show_id, id, user_name, status, failure_reason, seat_numbers, created_at, expires_at, confirmed_at
    )
    SELECT
        added.id,
        gen_random_uuid(),
        'User ' || (added.id * 7 + n) %% 50000,
        CASE WHEN n = 10 THEN 'FAILED' ELSE 'CONFIRMED' END,
        CASE WHEN n = 10 THEN 'EXPIRED' END,
        ARRAY[n],
        added.start_time - n * interval '1 day',
        added.start_time - n * interval '1 day' + interval '120 seconds',
        CASE WHEN n < 10 THEN added.start_time - n * interval '1 day' + interval '60 seconds' END
    FROM added, generate_series(1, 10) AS n
    RETURNING show_id, id, seat_numbers, status, created_at
),

taken AS (
    INSERT INTO taken_seats (show_id, number, booking_id)
    SELECT
        show_id,
        seat_numbers[1],
        id
    FROM booked
    WHERE status = 'CONFIRMED'
)

INSERT INTO changes (show_id, version, changed_at, numbers, statuses, previous)
SELECT
    show_id,
    seat_numbers[1],
    created_at,
    seat_numbers,
    'C',
    'A'
FROM booked
