"""One paper under the gate: its folders, the names of its records, and what its claims may recompute.

`claimgate.toml` at the root of the paper says what is particular to it. What takes code stands in a Python module that
it names: `QUANTITIES` (name to function of one selected item), `FITS` (see `shared_fit`), `schema_for` (record name to
JSON Schema), `disagreements` (all records to pairs of name and what does not agree) and `AUDIT`; each is optional.
Installed packages add quantities by entry points of the group `claimgate.quantities`, of which `packages` names those
that are taken: what happens to be installed changes nothing.
"""

import fnmatch
import importlib
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from claimgate.closed_toml import filled_table, read_toml
from claimgate.errors import InputError, shown
from claimgate.shared_fit import Reads

NAME = "claimgate.toml"
GROUP = "claimgate.quantities"  # of entry points
KINDS = ("typst", "latex", "markdown")
_WORD = re.compile(r"[A-Za-z0-9_]+")

Quantity = Callable[[object], float]


@dataclass(frozen=True)
class Locked:
    """Which texts are locked, as glob patterns below the root."""

    paper: str = "paper"  # the folder whose sources are locked
    documents: tuple[str, ...] = ("README.md",)
    numbers: tuple[str, ...] = ()  # documents of which the sentences that hold a digit are locked, and no others
    docstrings: tuple[str, ...] = ()  # Python files whose first docstring readers see
    seen: tuple[str, ...] = ("figures/*",)  # told by their digests: what is no text, or nobody reads as one
    made: tuple[str, ...] = ()  # in the paper's folder, by programs
    marked: str = "build/marked.txt"  # the compiled paper with marks: its number words are locked

    def holds_figure(self, file: str) -> bool:
        """Say whether a figure is locked by its digest.

        Args:
            file: Path below the root; it need not be drawn yet.

        Returns:
            Whether it lies in the paper's folder, or is one of what is seen.
        """
        seen = (one for one in self.seen if "**" in one or file.count("/") == one.count("/"))
        return file.startswith(f"{self.paper}/") or any(fnmatch.fnmatchcase(file, one) for one in seen)


@dataclass(frozen=True)
class TypstRules:
    """Which sources of a Typst paper may set marks and rules."""

    setters: tuple[str, ...] = ("paper/claimgate.typ",)  # the first prints claims
    printers: dict[str, tuple[str, ...]] = field(default_factory=dict)  # imported file to the names that may be taken
    special: dict[str, tuple[str, ...]] = field(default_factory=dict)  # source to what it takes of the first setter
    free: tuple[str, ...] = ()  # sources that may show rules and read files


@dataclass(frozen=True)
class Watched:
    """Files that run the gate, as glob patterns, and targets of Makefiles: what changes in them is told."""

    files: tuple[str, ...] | None = None  # None: those of `workflows.FILES`
    targets: tuple[str, ...] | None = None  # None: those of `workflows.TARGETS`


@dataclass(frozen=True)
class Paper:
    """The paper's source, and how it is compiled."""

    kind: str  # one of `KINDS`
    source: str


@dataclass(frozen=True)
class Audited:
    """Somebody else's paper, audited from its own files."""

    record: str  # where the audit is frozen
    prefix: str  # of the names of the paper's JSON files
    quantities: dict[str, Quantity]  # of one entry of its files
    list_quantities: dict[str, Callable[[list], float]]  # of a list of entries
    rests_on: dict[str, str]  # what a number may be about, and what that means
    stamp: Callable[[Path], dict]  # the provenance of a frozen audit


@dataclass(frozen=True)
class Project:
    """What is particular to one paper."""

    root: Path = Path()
    claims: str = "claims"
    records: str = "results"
    scales: tuple[str, ...] = ()  # NAME.SCALE.json; a claim's sentence names its scale
    unclaimed: tuple[str, ...] = ()  # scales that no claim rests on and no seal holds
    without_scale: tuple[str, ...] = ()  # records that are named otherwise
    identities: tuple[str, ...] = ()  # quantities that are zero but for rounding begin so
    quantities: dict[str, Quantity] = field(default_factory=dict)
    fits: dict[str, Reads] = field(default_factory=dict)
    schema_for: Callable[[str], dict] | None = None  # record name to schema; None asks for finite numbers only
    disagreements: Callable[[dict[str, dict]], Iterable[tuple[str, str]]] = lambda records: ()
    audit: Audited | None = None
    paper: Paper | None = None
    locked: Locked = Locked()
    typst: TypstRules = TypstRules()
    rules: Watched = Watched()


def load_project(root: Path) -> Project:
    """Read `claimgate.toml`, the module it names, and quantities of installed packages.

    Args:
        root: The root of the paper.

    Returns:
        The project.

    Raises:
        InputError: If there is no such file, it is malformed, its module cannot be imported, or a quantity is there
            twice.
    """
    path = Path(root) / NAME
    if not path.is_file():
        raise InputError(f"{path}: expected the settings of the gate, found none; `claimgate init` writes them")
    try:
        return _project(Path(root), read_toml(path))
    except InputError as error:
        raise InputError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from error


def find_root(folder: Path) -> Path:
    """Look for `claimgate.toml` in a folder and those above it.

    Args:
        folder: Where to begin.

    Returns:
        The folder that holds it; the one where the search began, if none does.
    """
    folder = Path(folder).resolve()
    return next((place for place in (folder, *folder.parents) if (place / NAME).is_file()), folder)


def _project(root: Path, document: dict) -> Project:
    defaults = {"claims": "claims", "records": "results", "module": None, "schemas": None, "packages": []}
    tables = {"names": {}, "paper": None, "locked": {}, "typst": {}, "rules": {}}
    document = filled_table(document, set(), defaults | tables, {"claims", "records", "module", "schemas"})
    keys = ("scales", "unclaimed", "without_scale", "identities")
    names = _lists(filled_table(document["names"], set(), {key: [] for key in keys}, set()), keys)
    for word in names["scales"]:
        if not _WORD.fullmatch(word):
            raise InputError(f"expected scales of letters and digits, got {shown(word)}")
    for key in ("claims", "records"):
        _inside(document[key])
    module = _module(root, document["module"])
    if document["schemas"] is not None and hasattr(module, "schema_for"):
        raise InputError("expected `schemas` or a module with schema_for, got both")
    schemas = None if document["schemas"] is None else _schemas_in(root / _inside(document["schemas"]))
    return Project(
        root=root,
        claims=document["claims"],
        records=document["records"],
        **names,
        quantities=_quantities(getattr(module, "QUANTITIES", {}), **_lists(document, ("packages",))),
        fits=getattr(module, "FITS", {}),
        schema_for=getattr(module, "schema_for", schemas),
        disagreements=getattr(module, "disagreements", Project.disagreements),
        audit=getattr(module, "AUDIT", None),
        paper=_paper(document["paper"]),
        locked=_locked(document["locked"]),
        typst=_typst(document["typst"]),
        rules=watched_of(document["rules"]),
    )


def _paper(table: object) -> Paper | None:
    if table is None:
        return None
    paper = Paper(**filled_table(table, {"kind", "source"}, {}, {"kind", "source"}))
    if paper.kind not in KINDS:
        raise InputError(f"expected a paper of kind {', '.join(KINDS)}, got {shown(paper.kind)}")
    _inside(paper.source)
    return paper


def _locked(table: object) -> Locked:
    default = Locked()
    keys = ("documents", "numbers", "docstrings", "seen", "made")
    optional = {key: list(getattr(default, key)) for key in keys} | {"paper": default.paper, "marked": default.marked}
    table = filled_table(table, set(), optional, {"paper", "marked"})
    return Locked(paper=_inside(table["paper"]), marked=_inside(table["marked"]), **_lists(table, keys))


def _typst(table: object) -> TypstRules:
    default = TypstRules()
    optional = {"setters": list(default.setters), "free": [], "printers": {}, "special": {}}
    table = filled_table(table, set(), optional, set())
    named = {}
    for key in ("printers", "special"):
        if not isinstance(table[key], dict):
            raise InputError(f"expected {key} to be a table of file to names, got {shown(table[key])}")
        named[key] = _lists(table[key], table[key].keys())
    return TypstRules(**_lists(table, ("setters", "free")), **named)


def watched_of(table: object) -> Watched:
    """Read the table `[rules]`.

    Args:
        table: As parsed; a base may have none.

    Returns:
        Which files run the gate.

    Raises:
        InputError: If it is malformed.
    """
    table = filled_table(table, set(), {"files": None, "targets": None}, set())
    return Watched(**_lists({key: value for key, value in table.items() if value is not None}))


def _lists(table: dict, keys: Iterable[str] | None = None) -> dict[str, tuple[str, ...]]:
    keys = table.keys() if keys is None else keys
    for key in keys:
        if not isinstance(table[key], list) or not all(isinstance(text, str) and text for text in table[key]):
            raise InputError(f"expected {key} to be a list of texts, got {shown(table[key])}")
    return {key: tuple(table[key]) for key in keys}


def _inside(path: str) -> str:
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise InputError(f"expected a path below the root of the paper, got {shown(path)}")
    return path


def _module(root: Path, name: str | None) -> object:
    if name is None:
        return None
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name):
        raise InputError(f"expected module to be a dotted name, got {shown(name)}")
    if str(root.resolve()) not in map(str, map(_resolved, sys.path)):
        sys.path.insert(0, str(root.resolve()))
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(f"module {name} cannot be imported: {error}") from error


def _resolved(path: str) -> Path:
    return Path(path).resolve()


def _quantities(own: dict[str, Quantity], packages: tuple[str, ...]) -> dict[str, Quantity]:
    found = dict(own)
    if not packages:
        return found
    from importlib import metadata  # it looks into every installed package

    for package in packages:
        points = metadata.entry_points(group=GROUP, name=package)
        if not points:
            raise InputError(f"expected an installed package with an entry point {package} of {GROUP}, found none")
        for point in points:
            for name, quantity in point.load().items():
                if found.setdefault(name, quantity) is not quantity:
                    raise InputError(f"quantity {name} of {point.value} is there already; names must be unique")
    return found


def _schemas_in(folder: Path) -> Callable[[str], dict]:
    import json

    def schema_for(name: str) -> dict:
        path = folder / f"{group_of(name)}.json"
        if not path.is_file():
            raise InputError(f"{path}: expected the JSON Schema of {name}, found none")
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path}: expected a JSON Schema, got what does not parse: {error}") from error

    return schema_for


def group_of(name: str) -> str:
    """Say which schema a record has to meet.

    Args:
        name: Path below the folder of records.

    Returns:
        Its first folder; its name before the first dot, if it lies in none.
    """
    folder, slash, _ = name.partition("/")
    return folder if slash else folder.partition(".")[0]
