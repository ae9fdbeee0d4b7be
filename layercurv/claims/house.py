"""What is particular to this paper's claims, beside `claimgate.toml`: quantities, schemas, facts, the audited paper."""

import functools
from pathlib import Path

from claimgate.project import Audited, Project, load_project
from layercurv.claims.published.source_list_quantities import LIST_QUANTITIES
from layercurv.claims.published.source_quantities import QUANTITIES as SOURCE_QUANTITIES
from layercurv.claims.quantities import FITS, QUANTITIES
from layercurv.files import ROOT
from layercurv.results import schema
from layercurv.results.agreement import all_disagreements as disagreements
from layercurv.results.provenance import git_state, package_versions
from layercurv.results.store import AUDIT as AUDIT_RECORD

__all__ = ["AUDIT", "FITS", "QUANTITIES", "disagreements", "project", "schema_for"]

# What a number is about, seen from how it came about: sigma and h belong to directions that the same samples chose.
RESTS_ON = {
    "selection": "curvature along the batch gradient's own directions, alone or against sigma",
    "spectrum": "the singular values of the batch gradient, without curvature",
    "neither": "something else: a setting, a count, an accuracy, a bound, one approximation against another",
}
_VERSIONS = ("python", "layercurv", "numpy", "scipy")


def schema_for(name: str) -> dict:
    """Load the schema of a record.

    Args:
        name: Its path below the results folder.

    Returns:
        The JSON Schema.
    """
    return schema.schema_for(name.partition("/")[0])


def _stamp(folder: Path) -> dict:
    return {"code": git_state(folder), "versions": {name: package_versions()[name] for name in _VERSIONS}}


AUDIT = Audited(AUDIT_RECORD, "results_", SOURCE_QUANTITIES, LIST_QUANTITIES, RESTS_ON, _stamp)


@functools.cache
def project() -> Project:
    """Read the settings of this checkout.

    Returns:
        The project.
    """
    return load_project(ROOT)
