-- Whose a booking is, and how much a customer may hold.
-- What there is already was made by the box office itself, whose name is empty.

ALTER TABLE bookings ADD COLUMN owner text NOT NULL DEFAULT '';

ALTER TABLE shows ADD COLUMN max_pending_seats integer,
    ADD CONSTRAINT shows_max_pending_in_range CHECK (max_pending_seats BETWEEN 1 AND 100000);

-- A key is its owner's: what somebody else did with the same one is nobody's business.
DROP INDEX bookings_key;
CREATE UNIQUE INDEX bookings_key ON bookings (show_id, owner, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

-- What a customer holds now is counted at each booking.
CREATE INDEX bookings_held ON bookings (show_id, owner) WHERE status = 'PENDING' AND owner <> '';
