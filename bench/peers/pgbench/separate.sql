-- The same transaction in separate statements, as an application sends them.
\set place (:turn * :clients + :client_id) % (:shows * :seats)
\set turn :turn + 1
\set shuffled permute(:place, :shows * :seats, :seed)
\set show :shuffled % :shows + :first_show
\set seat :shuffled / :shows + 1
BEGIN;
SELECT available_seats FROM shows WHERE id = :show FOR NO KEY UPDATE;
SELECT count(*) AS free FROM (
    SELECT 1 FROM seats WHERE show_id = :show AND number = :seat AND status = 'AVAILABLE' FOR UPDATE
) AS found \gset
\if :free
INSERT INTO bookings (show_id, seat_number, user_name, status, created_at, expires_at)
VALUES (:show, :seat, 'Ada Lovelace', 'PENDING', clock_timestamp(), clock_timestamp() + interval '120 seconds')
RETURNING id AS booking_id \gset
UPDATE seats SET status = 'PENDING', booking_id = :booking_id WHERE show_id = :show AND number = :seat;
UPDATE shows
SET available_seats = available_seats - 1, pending_seats = pending_seats + 1, version = version + 1
WHERE id = :show
RETURNING version \gset
INSERT INTO changes (show_id, version, changed_at, number, status)
VALUES (:show, :version, clock_timestamp(), :seat, 'PENDING');
\endif
COMMIT;
