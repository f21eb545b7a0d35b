"""Who has a flag: a share of all subjects, always the same ones."""

from hashlib import sha256

# A percentage has two decimals.
BUCKETS = 10_000


def bucket(key: str, subject: str) -> int:
    """Put a subject into one of BUCKETS, evenly, and for each key anew.

    A key has no colon, so no two pairs are hashed alike.
    """
    digest = sha256(f"{key}:{subject}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") * BUCKETS >> 64


def has(key: str, subject: str, percentage: float) -> bool:
    """Whether a subject is among the percentage that has a flag.

    The buckets below the percentage have it: with a larger one the same and others do. At 0 nobody
    has it, and at 100 everybody.
    """
    return bucket(key, subject) < round(percentage * BUCKETS / 100)
