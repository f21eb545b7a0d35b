"""What the pages need to become a site: links into the repository, and the schema in its places."""

import os
import posixpath
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from docs.schema_reference import read_reference

PROJECT = Path(__file__).parent.parent
# Where the repository's files can be read, such as https://forge.example/blob/COMMIT. Without it
# links lead from the built site into the checkout that it was built in.
SOURCE_URL = os.environ.get("SOURCE_URL")
# A page that has this in a line of its own has that part of the schema there.
SCHEMA = re.compile(r"^<!-- schema: (\w+) -->$", re.MULTILINE)
IMAGE = re.compile(r"(?<=!)(\[[^\]]*\]\()(?!https?:|/)([^()\s]+)(?=\))")
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|source:|#|/)([^()\s#]+)(#[^()\s]*)?(?=\))")
FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)

log = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, Any]:
    """Hook into Sphinx."""
    reference = read_reference()

    def read_page(_: Sphinx, name: str, text: list[str]) -> None:
        page = SCHEMA.sub(lambda part: reference.render(part[1]), text[0])
        text[0] = with_links(page, posixpath.dirname(f"docs/{name}"), app.env.found_docs)

    def read_included(_: Sphinx, path: Path, __: str, text: list[str]) -> None:
        file = posixpath.normpath(f"docs/{path.as_posix()}")
        text[0] = with_links(text[0], posixpath.dirname(file), app.env.found_docs)

    app.connect("source-read", read_page)
    app.connect("include-read", read_included)
    app.connect("doctree-resolved", lead_to_sources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def with_links(text: str, folder: str, pages: Collection[str]) -> str:
    """A text of a file in a folder of ours, its links naming pages or `source:` files.

    The same text may stand in the repository and, included, in a page elsewhere. Its pictures are
    named from the top of docs/: the builder takes them along.
    """

    def lead(link: re.Match[str]) -> str:
        target, place = posixpath.normpath(posixpath.join(folder, link[1])), link[2] or ""
        page = target.removeprefix("docs/")
        for name in (page.removesuffix(".md"), f"{page}/README"):
            if page != target and name in pages:
                return f"/{name}.md{place}"
        return f"source:{target}{place}"

    def show(image: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, image[2]))
        return f"{image[1]}/{target.removeprefix('docs/')}"

    parts = FENCED.split(text)
    parts[::2] = [LINK.sub(lead, IMAGE.sub(show, part)) for part in parts[::2]]
    return "".join(parts)


def lead_to_sources(app: Sphinx, page: nodes.document, name: str) -> None:
    """Have a page's `source:` links lead to the repository's files, which must be there."""
    for link in page.findall(nodes.reference):
        kind, _, target = link.get("refuri", "").partition(":")
        if kind == "source":
            if not (PROJECT / target.partition("#")[0]).exists():
                log.warning("there is no file %s", target, location=link)
            link["refuri"] = f"{SOURCE_URL or _checkout(app, name)}/{target}"


def _checkout(app: Sphinx, name: str) -> str:
    """The way from a page to the project: the site is built in a folder of it."""
    built = (Path(app.outdir) / name).parent
    return Path(os.path.relpath(PROJECT, built)).as_posix()
