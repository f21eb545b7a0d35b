"""How many files this process may have open, of which each connection is one."""

import resource
from contextlib import suppress

# More than all that we serve at once.
ENOUGH = 65_536


def allow_many() -> None:
    """Have as many as the system lets us: what a shell gives its programs is few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
