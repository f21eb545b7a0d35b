-- name: read_overview
-- How the house is: the shows to come (10,000 at most) and their seats, for how many seconds the
-- oldest hold has been overdue, and the server's version. Reads counters and the first of an index.
SELECT
    count(*)::integer,
    coalesce(sum(total_seats - pending_seats - confirmed_seats), 0)::bigint,
    coalesce(sum(pending_seats), 0)::bigint,
    coalesce(sum(confirmed_seats), 0)::bigint,
    coalesce(
        (
            SELECT greatest(extract(epoch FROM clock_timestamp() - expires_at), 0)
            FROM bookings
            WHERE status = 'PENDING'
            ORDER BY expires_at
            LIMIT 1
        ),
        0
    )::double precision,
    current_setting('server_version')
FROM (
    SELECT total_seats, pending_seats, confirmed_seats
    FROM shows
    WHERE start_time > (SELECT clock_timestamp()) -- read once: so the index begins the search
    ORDER BY start_time, id
    LIMIT 10000
) AS next;
