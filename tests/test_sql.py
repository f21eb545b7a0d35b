"""No SQL is put together from strings: what clients send reaches PostgreSQL as parameters alone.

The tests, the bench and the faults make databases of names of their own, and are not looked at.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
PACKAGES = (
    "access",
    "booking",
    "cli",
    "db",
    "execution",
    "flags",
    "jobs",
    "resolvers",
    "schema",
    "server",
    "transport",
)
# The methods that take a statement; those of `database` write, too.
SENDING = {"execute", "executemany", "fetch", "send", "stream", "copy", "send_query"}
STATEMENT = re.compile(
    r"\b(SELECT\s.*\bFROM\b|INSERT\s+INTO\b|UPDATE\s+\S+\s+SET\b|DELETE\s+FROM\b|TRUNCATE\s|COPY\s"
    r"|(CREATE|ALTER|DROP)\s+(TABLE|INDEX|DATABASE|ROLE|USER|SCHEMA|VIEW|FUNCTION)\b"
    r"|WHERE\s+\S+\s*([=<>]|LIKE\b|IN\b)|ORDER\s+BY\b|SET\s+(LOCAL|SESSION)\b)",
    re.IGNORECASE | re.DOTALL,
)
PUTTING_TOGETHER = {"format", "format_map", "join", "replace", "translate", "Template", "SQL"}


def is_put_together(node: ast.AST) -> bool:
    """Whether an expression makes a text of several."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(value, ast.FormattedValue) for value in node.values)
    if isinstance(node, ast.BinOp):
        texts = [part for part in ast.walk(node) if _is_text(part)]
        return isinstance(node.op, ast.Add | ast.Mod) and bool(texts)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in PUTTING_TOGETHER or (
            node.func.attr in ("encode", "strip") and is_put_together(node.func.value)
        )
    return False


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr):
        return True
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)


def literal_text(node: ast.AST) -> str:
    """The literal parts of an expression, with a space for each of the others."""
    return " ".join(
        part.value if isinstance(part.value, str) else part.value.decode("latin-1")
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str | bytes)
    )


def find_sql(source: str) -> Iterator[int]:
    """The lines where SQL is put together, or what was put together is sent."""
    tree = ast.parse(source)
    made = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign)
        and node.value is not None
        and (is_put_together(node.value) or isinstance(node, ast.AugAssign))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if is_put_together(node) and STATEMENT.search(literal_text(node)):
            yield node.lineno  # type: ignore[attr-defined]  # an expression has one
        elif isinstance(node, ast.Call) and _sends(node.func) and node.args:
            sent = node.args[0]
            if is_put_together(sent) or (isinstance(sent, ast.Name) and sent.id in made):
                yield node.lineno


def _sends(function: ast.expr) -> bool:
    if not isinstance(function, ast.Attribute):
        return False
    to_database = ast.unparse(function.value).endswith("database")
    return function.attr in SENDING or (function.attr == "write" and to_database)


@pytest.mark.parametrize("package", [*PACKAGES, "."])
def test_no_sql_is_put_together_from_strings(package: str) -> None:
    directory = PROJECT / package
    paths = sorted(directory.glob("*.py") if package == "." else directory.rglob("*.py"))
    assert paths
    found = [
        f"{path.relative_to(PROJECT)}:{line}"
        for path in paths
        for line in find_sql(path.read_text("utf-8"))
    ]
    assert not found


@pytest.mark.parametrize(
    "planted",
    [
        "conn.execute(f\"SELECT id FROM shows WHERE name = '{name}'\")",
        "conn.execute(\"SELECT id FROM shows WHERE name = '%s'\" % name)",
        "conn.execute(\"SELECT id FROM shows WHERE name = '{}'\".format(name))",
        'conn.execute("SELECT id FROM shows WHERE name = " + name)',
        'text = f"DELETE FROM {table}"',
        'text = "drop table " + table',
        'text = " ".join(["SELECT", columns, "FROM shows"])',
        'text = statements["list_shows"].replace("WHERE id = 1", name)',
        'conn.execute(STATEMENT.replace("%(x)s", name))',
        'statement = statements["x"] + " "\nline.send(statement)',
        "statement = LIST\nstatement += order\nawait self.database.fetch(statement, {})",
        'database.write(f"{WORD} {rest}", {})',
        'conn.execute(f"{WORD} {rest}".encode())',
        'sql.SQL("SELECT {} FROM shows").format(name)',
    ],
)
def test_sql_that_is_put_together_is_found(planted: str) -> None:
    assert [*find_sql(planted)], planted


@pytest.mark.parametrize(
    "usual",
    [
        'conn.execute(LIST_SHOWS, {"name": name})',
        "conn.execute(statement, params)",
        'message = f"The show {name} was selected from the list."',
        'sys.stdout.write(f"{line}")',
        'raise ValueError("Set it" + where)',
    ],
)
def test_what_is_no_sql_is_not_found(usual: str) -> None:
    assert not [*find_sql(usual)], usual
