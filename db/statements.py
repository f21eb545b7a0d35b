"""The named statements of sql/, read once; a misspelt name fails at import."""

import re
from pathlib import Path
from typing import LiteralString, cast

SQL_DIR = Path(__file__).parent.parent / "sql"

_NAMED = re.compile(r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL)


def _load() -> dict[str, LiteralString]:
    statements: dict[str, LiteralString] = {}
    for path in sorted(SQL_DIR.glob("*.sql")):
        for name, text in _NAMED.findall(path.read_text("utf-8")):
            if name in statements:
                raise ValueError(f"two statements are named {name}")
            # psycopg takes literal text only, so that no query is put together at run time: these
            # files are as literal as code.
            statements[name] = cast(LiteralString, text.strip().removesuffix(";"))
    return statements


statements = _load()
_names = {text: name for name, text in statements.items()}


def name_of(statement: str) -> str:
    """What it is called in sql/."""
    return _names.get(statement, "unnamed")
