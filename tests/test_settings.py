"""The settings: each has its place in the example."""

import re
from pathlib import Path

from settings import Settings

EXAMPLE = Path(__file__).parent.parent / ".env.example"


def test_every_setting_stands_in_the_example_with_its_default() -> None:
    named = dict(re.findall(r"^#(\w+)=(.*)$", EXAMPLE.read_text("utf-8"), re.MULTILINE))
    fields = Settings.model_fields
    assert named.keys() == {name.upper() for name in fields}
    for name, field in fields.items():
        default = field.default
        expected = (
            "" if default is None else str(default).lower() if default is True else str(default)
        )
        assert named[name.upper()] == expected, name
