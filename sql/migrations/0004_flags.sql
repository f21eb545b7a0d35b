-- Feature flags, and every change of one. They are about no show: where tables are distributed by
-- show, every node has a copy.

CREATE TABLE flags (
    key text NOT NULL,
    value jsonb NOT NULL,
    percentage numeric(5, 2) NOT NULL, -- of all subjects, those that have it
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    CONSTRAINT flags_pkey PRIMARY KEY (key),
    CONSTRAINT flags_key_well_formed CHECK (
        length(key) <= 64 AND key ~ '^[a-z][a-z0-9]*([._-][a-z0-9]+)*$'
    ),
    CONSTRAINT flags_value_not_null CHECK (value <> 'null'), -- which is what clients see while it is off
    CONSTRAINT flags_percentage_in_range CHECK (percentage BETWEEN 0 AND 100)
);

-- A row is one change: what the flag was (NULL where there was none) and what it became (NULL where
-- it was deleted). Rows are only added. The primary key lets only one writer take a step: who read
-- what another has changed since collides, and looks again. So revisions are in the order of commits,
-- and who has seen one has seen all before it.
CREATE TABLE flag_changes (
    revision bigint NOT NULL,
    key text NOT NULL,
    previous_value jsonb,
    previous_percentage numeric(5, 2),
    value jsonb,
    percentage numeric(5, 2),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by text NOT NULL,
    CONSTRAINT flag_changes_pkey PRIMARY KEY (revision),
    CONSTRAINT flag_changes_whole CHECK (
        (previous_value IS NULL) = (previous_percentage IS NULL) AND (value IS NULL) = (percentage IS NULL)
    ),
    CONSTRAINT flag_changes_something CHECK (
        (previous_value::text, previous_percentage) IS DISTINCT FROM (value::text, percentage)
    )
);

CREATE INDEX flag_changes_by_key ON flag_changes (key, revision);
