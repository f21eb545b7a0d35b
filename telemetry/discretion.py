"""What nobody may read in a log: secrets, known by their value or by their form."""

import re
from collections.abc import Sequence
from urllib.parse import unquote

HIDDEN = "***"
# Shorter ones stand in ordinary words, and to hide them would tell where they do.
LEAST_LENGTH = 8

# An error may quote a request whole, and forms are looked for in what is left.
LONGEST_TEXT = 32_000

# What gives itself away as a secret, ours or not: who shows it, API keys, JWTs, passwords in URLs.
FORMS: Sequence[tuple[re.Pattern[str], str]] = [
    (re.compile(r"\b(bearer|basic)\s+[^\s'\"]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (
        re.compile(r"(authorization\W{1,6}(?:b['\"])?)(?!bearer|basic)\w[^\s'\"]*", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\bbo_\d{1,18}_[\w-]+"), f"bo_{HIDDEN}"),
    (re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w.-]*"), f"eyJ{HIDDEN}"),
    (re.compile(r"(://[^\s/:@]{0,64}:)\S{1,256}@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(password\s{0,3}[=:]\s{0,3})\S+", re.IGNORECASE), rf"\1{HIDDEN}"),
]


class Discretion:
    """Knows what is never shown, wherever it comes from."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        forms = {
            form for secret in secrets for form in (secret, repr(secret)[1:-1], unquote(secret))
        }
        # The longest first: one may begin another.
        words = sorted((form for form in forms if len(form) >= LEAST_LENGTH), key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, words))) if words else None

    def hide(self, text: str) -> str:
        """The text without secrets, and no longer than LONGEST_TEXT."""
        if self._secrets:
            text = self._secrets.sub(HIDDEN, text)
        text = text[:LONGEST_TEXT]
        for form, shown in FORMS:
            text = form.sub(shown, text)
        return text
