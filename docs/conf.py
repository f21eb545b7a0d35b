"""Sphinx's settings for the site: `make docs`."""

import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))

project = "Boxoffice"
author = "Boxoffice contributors"
release = PROJECT["project"]["version"]
extensions = ["myst_parser", "docs.site"]
# Examples stand in the reference, and the template is no record of a decision.
exclude_patterns = ["examples", "decisions/template.md"]

myst_heading_anchors = 3
myst_url_schemes = ["https", "http", "mailto", "source"]

html_theme = "furo"
html_title = f"Boxoffice {release}"
# A reader of a page needs nothing from elsewhere, nor the text a second time.
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
