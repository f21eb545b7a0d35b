-- Add shows to Boxoffice's tables; returns their ids.
INSERT INTO shows (name, folded_name, start_time, total_seats, seats_per_row, hold_seconds)
SELECT
    'Show ' || n,
    'show ' || n,
    timestamptz '2030-01-01 20:00:00+00',
    %(seats)s,
    10,
    %(hold_seconds)s
FROM generate_series(1, %(shows)s) AS n
RETURNING id
