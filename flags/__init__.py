"""Feature flags: who has one, what may be in one, and the way to ask."""
