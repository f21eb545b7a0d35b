"""What goes with the metrics: their table, the dashboard, the alerts and the runbook."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from telemetry.families import families
from tests.scraping import becomes, scrape
from tests.serving import PROJECT, Served

DOCS = PROJECT / "docs"
RULES = PROJECT / "deploy" / "prometheus" / "alerts.yaml"
RULES_TEST = RULES.with_name("alerts_test.yaml")
DASHBOARD = PROJECT / "deploy" / "grafana" / "boxoffice.json"
# Prometheus makes this one itself.
PROMETHEUS_OWN = {"up"}
METRIC = re.compile(r"\b(?:up\b(?=\{)|boxoffice_\w+)")


@pytest.fixture(scope="module")
def exposed(served: Served) -> dict[str, set[str]]:
    """The names that can be asked for, each with its labels, once something has happened."""
    served.data("{ shows { edges { cursor } } }")
    becomes(served, "boxoffice_seats", lambda found: found is not None)
    labels: dict[str, set[str]] = {}
    for sample in scrape(served).samples:
        labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


def alerts() -> list[dict[str, Any]]:
    return [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]


def expressions_of(panel: Any) -> Iterator[str]:
    for inner in panel.get("panels", ()):
        yield from expressions_of(inner)
    for target in panel.get("targets", ()):
        yield target["expr"]


def test_the_table_has_every_metric_as_it_is_exposed(served: Served) -> None:
    told = {
        (match[1], match[2], match[4]): match[3]
        for match in re.finditer(
            r"^\| `(\w+)` \| (\w+) \| ([^|]*) \| (.*) \|$",
            (DOCS / "metrics.md").read_text(),
            re.MULTILINE,
        )
    }
    assert told == {
        (name, family.kind, family.text): ", ".join(f"`{label}`" for label in family.labels)
        for name, family in families.items()
    }
    text = httpx.get(f"http://{served.address}/metrics", verify=False).text
    assert re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE) == list(families)


def test_the_dashboard_asks_for_what_there_is(exposed: dict[str, set[str]]) -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    expressions = [e for panel in dashboard["panels"] for e in expressions_of(panel)]
    asked = {name for expression in expressions for name in METRIC.findall(expression)}
    assert asked <= exposed.keys()
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    assert shown == {*families}, "each metric has its place there"
    for variable in dashboard["templating"]["list"]:
        assert set(METRIC.findall(str(variable["query"]))) <= exposed.keys()


def test_the_dashboards_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


def test_labels_that_are_asked_for_are_there(exposed: dict[str, set[str]]) -> None:
    """In the dashboard and in the alerts: a label that is misspelt would select nothing."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    expressions = [e for panel in panels for e in expressions_of(panel)]
    for expression in [*expressions, *(rule["expr"] for rule in alerts())]:
        for name, selector in re.findall(r"(boxoffice_\w+)\{([^}]*)\}", expression):
            labels = set(re.findall(r"(\w+)\s*[!=]", re.sub(r'"[^"]*"', "", selector)))
            assert labels <= {"job", "instance", *exposed[name]}, expression


def test_alerts_ask_for_what_there_is(exposed: dict[str, set[str]]) -> None:
    for rule in alerts():
        asked = set(METRIC.findall(rule["expr"]))
        assert asked, rule["alert"]
        assert asked <= {*exposed, *PROMETHEUS_OWN}, rule["alert"]


def test_each_alert_has_its_paragraph_and_each_paragraph_its_alert() -> None:
    runbook = (DOCS / "runbook.md").read_text()
    paragraphs = re.split(r"^## ", runbook, flags=re.MULTILINE)[1:]
    headings = [paragraph.splitlines()[0] for paragraph in paragraphs]
    assert headings == [rule["alert"] for rule in alerts()]
    for rule in alerts():
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("page", "warn")
    for paragraph in paragraphs:
        words = re.findall(r"^\*\*([\w ]+):\*\*", paragraph, re.MULTILINE)
        assert words == ["Means", "Clients feel", "Look at", "Do"], paragraph[:30]


def test_the_runbook_speaks_of_what_there_is(exposed: dict[str, set[str]]) -> None:
    text = (DOCS / "runbook.md").read_text()
    named = set(re.findall(r"boxoffice_\w+", text))
    assert named <= {*exposed, *families}
    anchors = {rule["alert"].lower() for rule in alerts()}
    assert set(re.findall(r"\]\(#(\w+)\)", text)) <= anchors


def test_each_alert_is_tested_to_fire_and_to_be_quiet() -> None:
    tested: dict[str, list[bool]] = {rule["alert"]: [] for rule in alerts()}
    for case in yaml.safe_load(RULES_TEST.read_text())["tests"]:
        for check in case["alert_rule_test"]:
            tested[check["alertname"]].append(bool(check["exp_alerts"]))
    assert all(sorted(fires) == [False, True] for fires in tested.values()), tested


@pytest.mark.parametrize("words", [["check", "rules", RULES], ["test", "rules", RULES_TEST]])
def test_prometheus_agrees(words: list[str | Path]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here; Debian has it in its package prometheus")
    found = subprocess.run(
        [promtool, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
