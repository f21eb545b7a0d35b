"""The load generators: wrk, pgbench and autocannon, and a crowd of our own where none exists."""
