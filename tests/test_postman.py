"""The Postman collection is right: newman runs it, in an open house and in a guarded one."""

import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, parse, validate

from resolvers.api import sdl
from tests.npm import install
from tests.serving import PROJECT, serve
from tests.tokens import SECRET, token

pytestmark = pytest.mark.any_postgres

NEWMAN = Path(__file__).parent / "newman"
COLLECTION = PROJECT / "docs" / "postman" / "boxoffice.postman_collection.json"
ENVIRONMENT = PROJECT / "docs" / "postman" / "boxoffice.postman_environment.json"
SCHEMA = build_schema(sdl())


def requests(item: Any) -> Iterator[Any]:
    """Every request of a collection or a folder."""
    for inner in item["item"]:
        if "request" in inner:
            yield inner
        else:
            yield from requests(inner)


ITEMS = list(requests(json.loads(COLLECTION.read_text("utf-8"))))


# In an open house nobody is refused.
REQUESTS = len(ITEMS)
ONLY_WITH_TOKENS = sum("skipRequest" in json.dumps(item) for item in ITEMS)


@pytest.fixture(scope="module")
def newman() -> Path:
    """The command, with its packages."""
    install(NEWMAN)
    return NEWMAN / "node_modules" / ".bin" / "newman"


def run(newman: Path, address: str, report: Path, **variables: str) -> Any:
    """Run the collection; returns what newman reports of it, where all tests were right."""
    command = [str(newman), "run", str(COLLECTION), "--environment", str(ENVIRONMENT)]
    command += ["--reporters", "cli,json", "--reporter-json-export", str(report), "--color", "off"]
    for name, value in {"baseUrl": f"http://{address}", **variables}.items():
        command += ["--env-var", f"{name}={value}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(report.read_text("utf-8"))["run"]["stats"]


def test_the_collection_runs(newman: Path, shared_database_url: str, tmp_path: Path) -> None:
    """Twice at once, on one database: a run is not disturbed by another."""
    tokens = {"token": token("boss", roles="admin"), "customerToken": token("ada")}
    with (
        serve(shared_database_url) as house,
        serve(shared_database_url, AUTH_SECRET=SECRET) as guarded,
        ThreadPoolExecutor() as both,
    ):
        in_house = both.submit(run, newman, house.address, tmp_path / "1.json")
        in_guarded = both.submit(run, newman, guarded.address, tmp_path / "2.json", **tokens)
        for stats, made in (
            (in_house.result(), REQUESTS - ONLY_WITH_TOKENS),
            (in_guarded.result(), REQUESTS),
        ):
            assert stats["requests"] == {"total": made, "pending": 0, "failed": 0}
            assert stats["assertions"]["total"] == made


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["name"])
def test_a_request_is_valid_and_tested(item: Any) -> None:
    request = item["request"]
    if request["method"] == "POST":
        assert request["body"]["mode"] == "graphql"
        body = request["body"]["graphql"]
        assert validate(SCHEMA, parse(body["query"])) == []
        assert isinstance(json.loads(body["variables"] or "{}"), dict)
    tests = [event for event in item["event"] if event["listen"] == "test"]
    assert "pm.test(" in "\n".join(tests[0]["script"]["exec"])


def test_every_variable_is_declared() -> None:
    text = COLLECTION.read_text("utf-8")
    known = {value["key"] for value in json.loads(ENVIRONMENT.read_text("utf-8"))["values"]}
    known |= {variable["key"] for variable in json.loads(text)["variable"]}
    assert set(re.findall(r"\{\{(\w+)\}\}", text)) <= known


def test_no_secret_is_committed() -> None:
    for value in json.loads(ENVIRONMENT.read_text("utf-8"))["values"]:
        assert value["type"] != "secret" or value["value"] == ""
