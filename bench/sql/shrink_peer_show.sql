-- Let a show have fewer seats than the others of its database.
WITH removed AS (
    DELETE FROM seats
    WHERE show_id = %(show)s AND number > %(seats)s
)

UPDATE shows
SET total_seats = %(seats)s, available_seats = %(seats)s
WHERE id = %(show)s
