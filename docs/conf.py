"""How the site is built: `make docs`. Nothing is fetched; what is generated comes from records and scripts."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from sphinx.application import Sphinx  # ruff: ignore[module-import-not-at-top-of-file]

from layercurv import __version__  # ruff: ignore[module-import-not-at-top-of-file]

project, author, release = "layercurv", "The layercurv developers", __version__
html_title = "layercurv"
html_show_copyright = False
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
html_theme = "furo"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0072B2", "color-brand-content": "#0072B2"},
    "dark_css_variables": {"color-brand-primary": "#56B4E9", "color-brand-content": "#56B4E9"},
}
html_copy_source = html_show_sourcelink = False
exclude_patterns = ["README.md"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "undoc-members": False}
default_role = "code"  # docstrings are Markdown in this: single backquotes are code
napoleon_numpy_docstring = False
napoleon_use_rtype = False
copybutton_prompt_text = "$ "
nitpicky = False


def setup(app: Sphinx) -> None:
    """Take docstrings as they are: a star is a star, and examples that are run stay examples.

    Args:
        app: Sphinx.
    """
    app.connect("autodoc-process-docstring", _escape_stars, priority=400)  # before napoleon reads them


def _escape_stars(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = [line if line.lstrip().startswith(">>>") else line.replace("*", r"\*") for line in lines]
