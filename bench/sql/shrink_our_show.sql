-- Let a show have fewer seats than the others of its database.
UPDATE shows
SET total_seats = %(seats)s
WHERE id = %(show)s
