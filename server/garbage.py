"""When a server process lets Python's collector look for what is garbage."""

import asyncio
import gc
from datetime import timedelta
from itertools import count

# Requests under way and their batch are some thousands of objects, and nearly all are freed without
# the collector's help. At its usual 700 it took a quarter of a busy worker's time.
COLLECT_AFTER = 50_000
# But who ends badly may leave a circle of a few objects that hold a mebibyte: so it looks at the
# latest once in a while, too, which takes some milliseconds at the most.
COLLECT_EVERY = timedelta(seconds=1)
# What has lived on is looked at ten times more seldom, and what has lived on since then again: all
# of it, some 100,000 objects, takes 12 ms. Nobody else does in a process with little to do.
MORE_SELDOM = 10


async def collect() -> None:
    """Look at the latest objects once in a while, and more seldom at older ones, for ever.

    What is there at the start stays for good: it is never looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    for look in count(1):
        await asyncio.sleep(COLLECT_EVERY.total_seconds())
        gc.collect((look % MORE_SELDOM == 0) + (look % MORE_SELDOM**2 == 0))
