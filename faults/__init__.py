"""Proof under faults: real processes, a hostile network, and a checker of every promise."""
