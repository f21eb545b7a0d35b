"""Measurements against other servers, from fresh starts, as one table: `make bench`."""
