"""How the site is built: `make docs`. Nothing is fetched; what is generated comes from records and scripts."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from layercurv import __version__  # ruff: ignore[module-import-not-at-top-of-file]

project, author, release = "layercurv", "The layercurv developers", __version__
html_title = "layercurv"
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
napoleon_numpy_docstring = False
napoleon_use_rtype = False
copybutton_prompt_text = "$ "
nitpicky = False
