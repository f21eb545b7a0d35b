"""README tells the truth: its operations give the answers that stand below them."""

import json
import re
from pathlib import Path
from typing import Any

from tests.serving import serve

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
BLOCK = re.compile(r"^```(graphql|json)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What differs each time: ids of bookings, and times that are not ours to choose.
CHANGING = {"expiresAt", "bookingId"}


def _same(shown: Any, given: Any, name: str = "") -> bool:
    if isinstance(shown, dict) and isinstance(given, dict):
        return shown.keys() == given.keys() and all(_same(shown[k], given[k], k) for k in shown)
    if isinstance(shown, list) and isinstance(given, list):
        return len(shown) == len(given) and all(map(_same, shown, given))
    if name in CHANGING or (name == "id" and shown != "U2hvdzox"):
        return type(shown) is type(given) and len(shown) == len(given)
    return bool(shown == given)


def test_operations_in_readme_give_the_answers_shown(database_url: str) -> None:
    blocks = BLOCK.findall(README)
    compared = 0
    with serve(database_url) as server:
        for (kind, text), (next_kind, answer) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
            if kind == "graphql" and not text.startswith("subscription"):
                given = server.ask(text)
                assert "errors" not in given, text
                assert next_kind == "json", text
                assert _same(json.loads(answer), given), (text, given)
                compared += 1
    assert compared >= 6


def test_links_in_readme_lead_somewhere() -> None:
    project = Path(__file__).parent.parent
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (project / target).exists(), target


def test_every_setting_stands_in_readme() -> None:
    settings = (Path(__file__).parent.parent / "settings.py").read_text("utf-8")
    for name in re.findall(r"^    (\w+): .*= Field\(", settings, re.MULTILINE):
        assert f"| `{name.upper()}` |" in README, name
