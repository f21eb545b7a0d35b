"""The guide for frontends tells the truth: its snippets are JavaScript, and do what it says."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, build_schema, parse, validate

from resolvers.api import sdl
from tests.serving import PROJECT, Served

PAGE = (PROJECT / "docs" / "guide" / "frontend.md").read_text("utf-8")
SNIPPETS = dict(re.findall(r"^```js\n// ([\w-]+)\.js\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
OPERATION = re.compile(r"`\s*((?:query|mutation|subscription) [^`]*)`")
SCHEMA = build_schema(sdl())
CREATE = "mutation ($input: CreateShowInput!) { createShow(input: $input) { ... on Show { id } } }"

Run = Callable[[str], Any]


@pytest.fixture
def node(tmp_path: Path) -> Run:
    """Runs a script beside the snippets; returns what it says, which is JSON."""
    if not shutil.which("node"):
        pytest.skip("the snippets need node")
    for name, text in SNIPPETS.items():
        (tmp_path / f"{name}.mjs").write_text(text, "utf-8")

    def run(script: str) -> Any:
        (tmp_path / "run.mjs").write_text(script, "utf-8")
        done = subprocess.run(
            ["node", "run.mjs"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_every_snippet_is_javascript(node: Run, tmp_path: Path) -> None:
    assert len(SNIPPETS) == PAGE.count("```js")
    for name in SNIPPETS:
        subprocess.run(["node", "--check", f"{name}.mjs"], cwd=tmp_path, check=True, timeout=30)


def test_every_operation_is_valid() -> None:
    operations = [text for snippet in SNIPPETS.values() for text in OPERATION.findall(snippet)]
    assert len(operations) == 2
    for text in operations:
        assert validate(SCHEMA, parse(text)) == [], text


def test_apollos_cache_knows_every_member_of_an_interface() -> None:
    for name, kind in SCHEMA.type_map.items():
        if isinstance(kind, GraphQLInterfaceType) and not name.startswith("__"):
            [told] = re.findall(rf"^ +{name}: (\[[^]]*\])", SNIPPETS["apollo"], re.MULTILINE)
            named = set(re.findall(r'"(\w+)"', told))
            assert named == {member.name for member in SCHEMA.get_possible_types(kind)}, name


def test_every_outcome_is_in_the_table() -> None:
    outcomes = {member.name for member in SCHEMA.get_possible_types(SCHEMA.type_map["Error"])}  # type: ignore[arg-type]  # it is an interface
    codes = {
        "UNAVAILABLE",
        "RATE_LIMITED",
        "UNAUTHENTICATED",
        "FORBIDDEN",
        "BAD_REQUEST",
        "INTERNAL",
    }
    assert outcomes | codes <= set(re.findall(r"^\| (?:`errors`, )?`(\w+)`", PAGE, re.MULTILINE))


def test_map_of_the_guide_is_the_servers_after_each_update(node: Run) -> None:
    maps = node("""
        import { fold } from "./seat-map.mjs";
        const seat = (number, status) => ({ number, label: `A${number}`, status });
        const updates = [
            { version: 3, snapshot: true, seats: [seat(1, "AVAILABLE"), seat(2, "PENDING")] },
            { version: 5, snapshot: false, seats: [seat(1, "PENDING"), seat(2, "CONFIRMED")] },
            { version: 5, snapshot: false, seats: [] },
            { version: 9, snapshot: true, seats: [seat(1, "CONFIRMED")] },
        ];
        const maps = [];
        let map = null;
        for (const update of updates) maps.push((map = fold(map, update)));
        const told = ({ version, seats }) => [version, ...[...seats.values()].map((s) => s.status)];
        console.log(JSON.stringify(maps.map(told)));
    """)
    assert maps == [
        [3, "AVAILABLE", "PENDING"],
        [5, "PENDING", "CONFIRMED"],
        [5, "PENDING", "CONFIRMED"],
        [9, "CONFIRMED"],
    ]


def test_watching_goes_on_where_it_broke_off(node: Run) -> None:
    asked = node("""
        import { watch } from "./seat-map.mjs";
        const stop = new AbortController();
        const asked = [];
        // Breaks once, as a server does that restarts, and is stopped at the second update.
        async function* answers() {
            yield { data: { seatMap: { version: 7 * asked.length, snapshot: true, seats: [] } } };
            if (asked.length === 2) return;
            throw { code: 1012 };
        }
        const client = { iterate: (request) => (asked.push(request.variables), answers()) };
        const draw = ({ version }) => version === 14 && stop.abort();
        await watch(client, "one", draw, stop.signal);
        console.log(JSON.stringify(asked));
    """)
    assert asked == [{"showId": "one", "sinceVersion": None}, {"showId": "one", "sinceVersion": 7}]


def test_booking_is_made_once_however_often_the_answer_is_lost(node: Run, served: Served) -> None:
    show = {"name": "Once", "startTime": "2030-01-01T20:00:00Z", "totalSeats": 10}
    show_id = served.data(CREATE, input=show)["createShow"]["id"]
    told = node(f"""
        import {{ book }} from "./booking.mjs";
        const url = "{served.url}";
        const headers = {{ "Content-Type": "application/json" }};
        let asked = 0;
        const ask = async (query, variables) => {{
            const body = JSON.stringify({{ query, variables }});
            const answer = await (await fetch(url, {{ method: "POST", headers, body }})).json();
            asked += 1;
            if (asked === 1) throw new TypeError("fetch failed"); // the answer is lost on its way
            if (asked === 2) return {{ errors: [{{ extensions: {{ code: "UNAVAILABLE" }} }}] }};
            return answer;
        }};
        const input = {{ showId: "{show_id}", seatNumbers: [1, 2], userName: "Ada" }};
        const first = await book(ask, input, {{ firstWait: 5 }});
        const second = await book(ask, input, {{ firstWait: 5 }});
        console.log(JSON.stringify([asked, first, second]));
    """)
    asked, first, second = told
    assert asked == 4
    assert (first["__typename"], first["status"]) == ("Booking", "PENDING")
    assert (second["__typename"], second["unavailable"]) == ("SeatsUnavailable", [1, 2])
    ask = "query ($id: ID!) { show(id: $id) { pendingSeats } }"
    assert served.data(ask, id=show_id) == {"show": {"pendingSeats": 2}}


def test_booking_that_is_refused_is_not_sent_again(node: Run) -> None:
    asked, message = node("""
        import { book } from "./booking.mjs";
        let asked = 0;
        const refusal = { message: "No.", extensions: { code: "FORBIDDEN" } };
        const ask = async () => ((asked += 1), { errors: [refusal] });
        const failure = await book(ask, {}).catch((failure) => failure);
        console.log(JSON.stringify([asked, failure.message]));
    """)
    assert (asked, message) == (1, "No.")
