-- The peers' tables, as the classic tutorial has them: a row a seat. The one-call function does in
-- one statement what Boxoffice does for a booking: lock the show, check the seat, insert the booking,
-- take the seat, update the counters, append to the log of changes.

CREATE TABLE shows (
    id integer CONSTRAINT shows_pkey PRIMARY KEY,
    name text NOT NULL,
    total_seats integer NOT NULL,
    available_seats integer NOT NULL,
    pending_seats integer NOT NULL DEFAULT 0,
    version integer NOT NULL DEFAULT 0
) WITH (fillfactor = 50); -- as in Boxoffice's own table, and for its reason

CREATE TABLE bookings (
    id uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT bookings_pkey PRIMARY KEY,
    show_id integer NOT NULL,
    seat_number integer NOT NULL,
    user_name text NOT NULL,
    status text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX bookings_due ON bookings (expires_at) WHERE status = 'PENDING';

CREATE TABLE seats (
    show_id integer NOT NULL,
    number integer NOT NULL,
    status text NOT NULL DEFAULT 'AVAILABLE',
    booking_id uuid,
    CONSTRAINT seats_pkey PRIMARY KEY (show_id, number)
) WITH (fillfactor = 50);

CREATE TABLE changes (
    show_id integer NOT NULL,
    version integer NOT NULL,
    changed_at timestamptz NOT NULL,
    number integer NOT NULL,
    status text NOT NULL,
    CONSTRAINT changes_pkey PRIMARY KEY (show_id, version)
);

CREATE FUNCTION book_seat(
    show integer, seat integer, who text,
    OUT booking_id uuid, OUT expires_at timestamptz, OUT show_version integer, OUT available integer
)
LANGUAGE plpgsql
AS $$
DECLARE
    clock timestamptz;
BEGIN
    SELECT available_seats
    INTO available
    FROM shows
    WHERE id = show
    FOR NO KEY UPDATE;

    PERFORM 1
    FROM seats
    WHERE show_id = show AND number = seat AND status = 'AVAILABLE'
    FOR UPDATE;

    IF NOT FOUND THEN
        RETURN;
    END IF;
    clock := clock_timestamp();

    INSERT INTO bookings AS b (show_id, seat_number, user_name, status, created_at, expires_at)
    VALUES (show, seat, who, 'PENDING', clock, clock + interval '120 seconds')
    RETURNING b.id, b.expires_at
    INTO booking_id, expires_at;

    UPDATE seats AS s
    SET status = 'PENDING', booking_id = book_seat.booking_id
    WHERE s.show_id = show AND s.number = seat;

    UPDATE shows
    SET available_seats = available_seats - 1, pending_seats = pending_seats + 1, version = version + 1
    WHERE id = show
    RETURNING version, available_seats
    INTO show_version, available;

    INSERT INTO changes (show_id, version, changed_at, number, status)
    VALUES (show, show_version, clock, seat, 'PENDING');
END
$$;
