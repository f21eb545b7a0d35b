"""The documentation's site: built without a warning, whole, and with everything it needs."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from graphql import build_schema

from docs.schema_reference import Reference, read_reference
from tests.serving import PROJECT

DOCS = PROJECT / "docs"
PARTS = (
    *("Query", "Mutation", "Subscription"),
    *("objects", "interfaces", "unions", "enums", "inputs", "scalars"),
)
NO_PAGES = {"examples", "template"}
# What a browser fetches by itself, by tag and attribute.
FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src")}


class Page(HTMLParser):
    """What a page links to, what it fetches, and the places in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name == "id":
                self.places.add(value)
            elif value and (tag, name) in FETCHED:
                self.fetched.add(value)
            elif value and tag == "a" and name == "href":
                self.links.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "--quiet", "docs", str(target)]
    env = {name: value for name, value in os.environ.items() if name != "SOURCE_URL"}
    done = subprocess.run(
        command, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return target


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text("utf-8")) for path in site.rglob("*.html")}


def _inner(path: Path, page: Page) -> Iterator[tuple[Path, str]]:
    """Where a page's links within the site lead: a file and a place in it."""
    for link in page.links:
        parts = urlsplit(link)
        if not parts.scheme:
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            yield target, unquote(parts.fragment)


def test_every_page_is_reached_from_the_first(site: Path, pages: dict[Path, Page]) -> None:
    reached, waiting = set[Path](), [site / "index.html"]
    while waiting:
        path = waiting.pop()
        if path not in reached and path in pages:
            reached.add(path)
            waiting += [target for target, _ in _inner(path, pages[path])]
    sources = [path.relative_to(DOCS).with_suffix("") for path in DOCS.rglob("*.md")]
    wanted = [source for source in sources if not NO_PAGES & set(source.parts)]
    assert len(wanted) > 15
    assert [page for page in wanted if site / f"{page}.html" not in reached] == []


def test_no_link_is_dead(pages: dict[Path, Page]) -> None:
    """Neither within the site nor, since it was built without SOURCE_URL, into this checkout."""
    for path, page in pages.items():
        for target, place in _inner(path, page):
            assert target.exists(), f"{path.name}: {target}"
            if place and target in pages:
                assert place in pages[target].places, f"{path.name}: {target.name}#{place}"


def test_nothing_is_fetched_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        assert [url for url in page.fetched if urlsplit(url).netloc] == [], path
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", style.read_text("utf-8"))


def test_a_published_site_leads_to_the_repository(tmp_path: Path) -> None:
    """SOURCE_URL says where its files can be read."""
    (tmp_path / "conf.py").write_text(
        'extensions = ["myst_parser", "docs.site"]\nmyst_url_schemes = ["source"]\n'
    )
    (tmp_path / "index.md").write_text("# Page\n\n[the code](../app.py)\n")
    env = {**os.environ, "SOURCE_URL": "https://forge.example/blob/1"}
    command = [sys.executable, "-m", "sphinx", "-W", "-q", str(tmp_path), str(tmp_path / "out")]
    subprocess.run(command, cwd=PROJECT, env=env, timeout=60, check=True)
    page = Page((tmp_path / "out" / "index.html").read_text("utf-8"))
    assert "https://forge.example/blob/1/app.py" in page.links


def _sections(reference: Reference) -> dict[str, str]:
    """What the reference says, by what it is said of: `Query.show`, `Booking`."""
    text = "\n".join(map(reference.render, PARTS))
    found = re.split(r"^\((?:type|field)-(\w+)(?:-(\w+))?\)=$", text, flags=re.MULTILINE)[1:]
    triples = zip(found[::3], found[1::3], found[2::3], strict=True)
    return {f"{kind}.{field}" if field else kind: said for kind, field, said in triples}


def test_reference_has_everything_that_the_schema_has() -> None:
    reference = read_reference()
    sections = _sections(reference)
    kinds = {n: kind for n, kind in reference.schema.type_map.items() if not n.startswith("__")}
    fields = {
        f"{n}.{f}": fd for n, root in reference.roots.items() for f, fd in root.fields.items()
    }
    assert sections.keys() == kinds.keys() - reference.roots.keys() | fields.keys()
    for name, part in (kinds | fields).items():
        if name not in reference.roots:
            for word in _words(part):
                assert word in sections[name], (name, word)


def _words(part: Any) -> Iterator[str]:
    """What must be said of a type or a root field: names, types and descriptions."""
    yield part.description
    for member in getattr(part, "types", ()):
        yield f"`{member}`"
    for kind in ("fields", "args", "values"):
        for name, one in getattr(part, kind, {}).items():
            yield f"`{name}`"
            yield one.description.replace("\n", " ")
            yield f"`{one.type}`" if kind != "values" else name


SMALL = build_schema("""
type Query { "Old." halls(first: Int = 3, near: [ID]): [Hall]! @deprecated(reason: "Ask `hall`.") }
interface Place { "Its name." name: String }
"A hall, large | small."
type Hall implements Place { "Its name." name("How long." length: Int! = 9): String }
""")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("Query", "Old. **Deprecated**: Ask `hall`."),
        ("Query", "Answers [`[Hall]!`](#type-hall), never null; its entries can be null."),
        ("Query", "| `first` | [`Int`](#type-int) | no: `3` by default |"),
        ("Query", "| `near` | [`[ID]`](#type-id) | no; its entries can be null |"),
        ("interfaces", "Implemented by [`Hall`](#type-hall)."),
        ("objects", "Implements [`Place`](#type-place)."),
        ("objects", "| `name` | [`String`](#type-string) | can be null | Its name. |"),
        ("objects", "| `name(length:)` | [`Int!`](#type-int) | no: `9` by default | How long. |"),
        ("objects", "Used by [`Query.halls`](#field-query-halls)."),
    ],
)
def test_reference_says_in_words_what_a_type_means(part: str, said: str) -> None:
    assert said in Reference(SMALL, []).render(part)


def test_reference_is_the_same_each_time() -> None:
    ask = "import sys; from docs.schema_reference import read_reference as read\n"
    ask += f"for part in {PARTS}: sys.stdout.write(read().render(part))"
    rendered = {
        subprocess.run(
            [sys.executable, "-c", ask],
            cwd=PROJECT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(rendered) == 1
