-- name: set_up_session
-- Bound how long anything of ours can hold the database up, and read every time as UTC.
SELECT
    set_config('timezone', 'UTC', false),
    set_config('statement_timeout', %(statement_timeout)s, false),
    set_config('lock_timeout', %(lock_timeout)s, false),
    set_config('idle_in_transaction_session_timeout', %(idle_timeout)s, false),
    -- What was acknowledged is durable, whatever this role or database has for a default.
    set_config(
        'synchronous_commit',
        CASE current_setting('synchronous_commit')
            WHEN 'off' THEN 'on'
            ELSE current_setting('synchronous_commit')
        END,
        false
    ),
    -- What is read behind a lock must be what the last holder left.
    set_config('default_transaction_isolation', 'read committed', false),
    -- Every statement of the desk finds its rows by key. Plans made while a table was small must not outlive it.
    set_config('enable_seqscan', 'off', false),
    -- Compiling would cost a statement more than it takes.
    set_config('jit', 'off', false);

-- name: ping
-- Answer, if the database does.
SELECT 1;

-- name: mark_session
-- Leave a mark in the session.
SELECT set_config('boxoffice.mark', %(mark)s, false);

-- name: read_session
-- The process that serves the session, and the mark that was left in it.
SELECT pg_backend_pid(), current_setting('boxoffice.mark', true);

-- name: plan_once
-- Plan the statements of the desk once: planning them anew takes three times as long as running
-- them, and by itself PostgreSQL does, since it takes an array it sees for smaller than one it doesn't.
SELECT set_config('plan_cache_mode', 'force_generic_plan', false);

-- name: begin
-- Begin a transaction.
BEGIN;

-- name: commit
-- Make what the transaction did durable, and let go of its locks.
COMMIT;
