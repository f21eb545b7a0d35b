"""A PostgreSQL of our own, for a machine that has none: its binaries, user, data and process."""
