-- Shows, bookings, taken seats and the log of changes.
-- Every table has the show in its primary key and in every unique key, so it can be
-- distributed by show as it is: no triggers, no keys across shows.

CREATE TABLE shows (
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    folded_name text NOT NULL, -- for searching: case-folded by us, so that no locale decides
    start_time timestamptz NOT NULL,
    total_seats integer NOT NULL,
    seats_per_row integer NOT NULL,
    hold_seconds integer NOT NULL,
    version integer NOT NULL DEFAULT 0,
    pending_seats integer NOT NULL DEFAULT 0,
    confirmed_seats integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT shows_pkey PRIMARY KEY (id),
    CONSTRAINT shows_seats_in_range CHECK (total_seats BETWEEN 1 AND 100000 AND seats_per_row >= 1),
    CONSTRAINT shows_hold_in_range CHECK (hold_seconds BETWEEN 5 AND 86400),
    CONSTRAINT shows_counters_add_up CHECK (
        pending_seats >= 0 AND confirmed_seats >= 0 AND pending_seats + confirmed_seats <= total_seats
    )
) WITH (fillfactor = 50); -- the counters of a show on sale change all the time: leave them room in the page

CREATE INDEX shows_by_start ON shows (start_time, id);

CREATE TABLE bookings (
    show_id bigint NOT NULL,
    id uuid NOT NULL,
    user_name text NOT NULL,
    status text NOT NULL,
    failure_reason text,
    seat_numbers integer[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz, -- the hold's deadline; stays when it has ended
    confirmed_at timestamptz,
    idempotency_key text,
    fingerprint bytea, -- of the input that came with the key
    CONSTRAINT bookings_pkey PRIMARY KEY (show_id, id),
    CONSTRAINT bookings_status_known CHECK (status IN ('PENDING', 'CONFIRMED', 'FAILED')),
    CONSTRAINT bookings_reason_known CHECK (
        failure_reason IN ('SEATS_UNAVAILABLE', 'EXPIRED', 'CANCELLED')
    ),
    CONSTRAINT bookings_reason_when_failed CHECK ((status = 'FAILED') = (failure_reason IS NOT NULL)),
    CONSTRAINT bookings_deadline_while_pending CHECK (status <> 'PENDING' OR expires_at IS NOT NULL),
    CONSTRAINT bookings_confirmed_at_when_confirmed CHECK (
        status <> 'CONFIRMED' OR confirmed_at IS NOT NULL
    ),
    CONSTRAINT bookings_fingerprint_with_key CHECK ((idempotency_key IS NULL) = (fingerprint IS NULL))
);

CREATE UNIQUE INDEX bookings_key ON bookings (show_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX bookings_due ON bookings (expires_at) WHERE status = 'PENDING';
CREATE INDEX bookings_by_status ON bookings (status, created_at, show_id, id);
CREATE INDEX bookings_by_time ON bookings (created_at, show_id, id);
CREATE INDEX bookings_by_show ON bookings (show_id, created_at, id);
CREATE INDEX bookings_by_user ON bookings (user_name, created_at);

-- A row is a seat that an active booking has. The primary key is what makes it impossible
-- to sell a seat twice, with or without the lock on the show.
CREATE TABLE taken_seats (
    show_id bigint NOT NULL,
    number integer NOT NULL,
    booking_id uuid NOT NULL,
    CONSTRAINT taken_seats_pkey PRIMARY KEY (show_id, number),
    CONSTRAINT taken_seats_number_positive CHECK (number >= 1)
);

-- A row is one step of a show's version: the seats it changed, what each became and what it
-- had been (a letter each: A, P or C). The primary key lets only one writer take a step.
CREATE TABLE changes (
    show_id bigint NOT NULL,
    version integer NOT NULL,
    changed_at timestamptz NOT NULL,
    numbers integer[] NOT NULL,
    statuses text NOT NULL,
    previous text NOT NULL,
    CONSTRAINT changes_pkey PRIMARY KEY (show_id, version),
    CONSTRAINT changes_a_letter_a_seat CHECK (
        cardinality(numbers) = length(statuses) AND cardinality(numbers) = length(previous)
    )
);
