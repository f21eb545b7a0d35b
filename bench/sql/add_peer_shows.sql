-- Add shows and their seats to the peers' tables; returns their ids.
WITH added AS (
    INSERT INTO shows (id, name, total_seats, available_seats)
    SELECT
        (SELECT coalesce(max(id), 0) FROM shows) + n,
        'Show ' || n,
        %(seats)s,
        %(seats)s
    FROM generate_series(1, %(shows)s) AS n
    RETURNING id
),

seated AS (
    INSERT INTO seats (show_id, number)
    SELECT
        added.id,
        number
    FROM added, generate_series(1, %(seats)s) AS number
)

SELECT id
FROM added
ORDER BY id
