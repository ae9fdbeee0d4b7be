"""The RO-Crate (version 1.3): files with checksums, and one action per run, figure and verification."""

import importlib
import mimetypes
import shlex
from pathlib import Path

from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

import layercurv
from layercurv.archive.contents import Contents
from layercurv.figures.registry import FIGURES
from layercurv.files import sha256_file
from layercurv.results.store import read_record

LICENSE = "https://spdx.org/licenses/MIT"
FORMATS = {".typ": "text/x-typst", ".bib": "text/x-bibtex", ".toml": "application/toml", ".cff": "application/yaml"}
DESCRIPTIONS = {
    "README.md": "How to verify, redraw, compile and measure anew.",
    "EXPERIMENTS.md": "Question, method and records of every experiment.",
    "verify_claims.py": "Checks every number of the paper, and of the audited one, against the frozen records.",
    "generate_figures.py": "Draws every figure from the frozen records.",
    "paper/build.py": "Compiles the paper.",
    "paper/layercurv.pdf": "The paper.",
    "results/SHA256SUMS": "The seal over the frozen records.",
    "claims/published.toml": "The audit of the source paper, row by row.",
    "build/claims.json": "The verified claims with their evidence.",
    "build/report.html": "The report as one page: scoreboard, claims, audit, figures, provenance.",
}
PROGRAMS = {"verify_claims.py", "generate_figures.py", "paper/build.py"}


def build_crate(contents: Contents) -> ROCrate:
    """Describe the archive.

    Args:
        contents: What goes into it.

    Returns:
        The crate; `write` copies the files beside its metadata.
    """
    crate = ROCrate()
    crate.name = "layercurv: layer-wise curvature, measured exactly and checked claim by claim"
    crate.description = f"Code, frozen records, figures, paper and verified claims at commit {contents.commit}."
    crate.datePublished, crate.license = contents.date, LICENSE
    crate.root_dataset["version"] = layercurv.__version__
    crate.add(ContextEntity(crate, LICENSE, {"@type": "CreativeWork", "name": "MIT License"}))
    crate.creator = crate.add(
        ContextEntity(crate, "#developers", {"@type": "Organization", "name": "The layercurv developers"})
    )
    for name in contents.files:
        _add_file(crate, contents.root, name)
    crate.mainEntity = crate.get("paper/layercurv.pdf")
    records = [name for name in contents.files if name.startswith("results/") and name.endswith(".json")]
    for name in records:
        _add_run(crate, contents.root, name)
    _add_figures(crate)
    claims = [name for name in contents.files if name.startswith("claims/")]
    seal = ["results/SHA256SUMS"]
    _add_action(crate, "verification", "verify_claims.py", claims + seal + records, ["build/claims.json"])
    sources = ["paper/main.typ", "build/claims.json", *(f"figures/{name}.pdf" for name in FIGURES)]
    _add_action(crate, "paper", "paper/build.py", sources, ["paper/layercurv.pdf"])
    return crate


def _add_file(crate: ROCrate, root: Path, name: str) -> None:
    path = root / name
    kind = mimetypes.guess_type(name)[0] or "text/plain"
    fields = {
        "name": name,
        "encodingFormat": FORMATS.get(path.suffix, kind),
        "contentSize": str(path.stat().st_size),
        "sha256": sha256_file(path),
    }
    if name in DESCRIPTIONS:
        fields["description"] = DESCRIPTIONS[name]
    if name in PROGRAMS or (name.startswith(("experiments/", "benchmarks/")) and path.suffix == ".py"):
        fields |= {"@type": ["File", "SoftwareSourceCode"], "programmingLanguage": "Python"}
    crate.add_file(path, name, properties=fields)


def _add_run(crate: ROCrate, root: Path, name: str) -> None:
    record = read_record(root / name)
    provenance, command = record["provenance"], _command(record)
    _add_action(
        crate,
        name.removeprefix("results/").removesuffix(".json"),
        _script(command),
        [_data_set(crate, provenance["data"])] if "data" in provenance else [],
        [name],
        description=shlex.join(command),
        endTime=provenance["finished_utc"],
        softwareVersion=provenance["code"]["commit"],
    )


def _command(record: dict) -> list[str]:
    if record["experiment"] == "published_audit":
        return ["python", "verify_claims.py", "--published", "FOLDER", "--freeze"]
    provenance = record["provenance"]
    overrides = provenance.get("overrides", [])
    return provenance.get("command", ["python", "-m", f"experiments.{record['experiment']}", *overrides])


def _script(command: list[str]) -> str:
    _, first, *others = command
    return others[0].replace(".", "/") + ".py" if first == "-m" else first


def _data_set(crate: ROCrate, data: dict) -> str:
    id_ = f"#data-{data['name']}"
    if crate.get(id_) is None:
        fields = {
            "@type": "Dataset",
            "name": data["name"],
            "description": f"From {data['source']}; not in the archive.",
        }
        crate.add(ContextEntity(crate, id_, fields))
    return id_


def _add_figures(crate: ROCrate) -> None:
    for name, module in FIGURES.items():
        records = [f"results/{path}" for path in importlib.import_module(module).RECORDS]
        drawn = [f"figures/{name}.{ending}" for ending in ("pdf", "png")]
        _add_action(crate, f"figure-{name}", "generate_figures.py", records, drawn)


def _add_action(crate: ROCrate, name: str, script: str, objects: list[str], results: list[str], **fields: str) -> None:
    action = crate.add_action(
        crate.get(script),
        identifier=f"#run-{name}",
        object=[crate.get(id_) for id_ in objects],
        result=[crate.get(id_) for id_ in results],
        properties={"name": name, "actionStatus": "http://schema.org/CompletedActionStatus"} | fields,
    )
    action["agent"] = crate.get("#developers")
