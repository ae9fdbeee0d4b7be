"""The command line: `python -m tests.mutation [--published DIR]`."""

import argparse
import os
import time
from pathlib import Path

from claimgate.closed_toml import PUBLISHED
from claimgate.gate import Gate
from claimgate.load import load_claims
from claimgate.published.load import load_rows
from claimgate.records import SealedRecords
from layercurv.claims.house import project
from tests.mutation.checkout import attack_checkout
from tests.mutation.forged import empty_claims, forge_provenance, loosen_rules, weaken_workflows
from tests.mutation.leaves import change_values
from tests.mutation.paper_files import change_paper
from tests.mutation.report import Report
from tests.mutation.stated import move_stated_values
from tests.mutation.whole_files import change_files
from tests.mutation.written import change_compiled, change_sentences


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, help="folder with the audited paper's own JSON")
    parser.add_argument("--seed", type=int, default=0, help="which element of each list is changed (default: 0)")
    parser.add_argument("--per-list", type=int, default=1, help="elements changed of each list (default: 1)")
    parser.add_argument("--share", type=float, default=1.0, help="of the lists of our records, at random (default: 1)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: one per core)")
    parser.add_argument("--only", nargs="*", metavar="STAGE", help="such as sentences, 'compiled text', provenance")
    options = parser.parse_args()
    gate = Gate(Path("claims"), Path("results"), project())
    if (code := gate.verify().exit_code) != 0:
        print(f"error: expected a gate that passes before anything is changed, it exits {code}")
        return 2
    claims, rows = load_claims(gate.claims, project()), load_rows(gate.claims / PUBLISHED, project())
    report, start = Report(), time.monotonic()
    root = Path()
    stages = {
        "sentences": lambda: change_sentences(root, report),
        "compiled text": lambda: change_compiled(root, report, options.seed, 0.2 * options.share),
        "provenance": lambda: forge_provenance(root, report),
        "rules": lambda: loosen_rules(root, claims, report),
        "workflows": lambda: weaken_workflows(root, report),
        "empty claims": lambda: empty_claims(root, claims, report, options.seed),
        "checkout": lambda: attack_checkout(root, report),
        "stated values": lambda: move_stated_values(claims, rows, SealedRecords(gate.results, project()), report),
        "whole files": lambda: change_files(gate, report),
        "values of our records": lambda: change_values(
            claims, rows, gate.results, report, options.seed, options.per_list, options.share, options.workers
        ),
    }
    if options.only:
        stages = {stage: run for stage, run in stages.items() if stage in options.only}
    if options.published is not None:
        paper = (rows, options.published, gate.results, report, options.seed)
        stages["values of the paper's files"] = lambda: change_paper(*paper)
    for stage, run in stages.items():
        run()
        print(f"{stage}: {time.monotonic() - start:.0f} s, {report.summary}", flush=True)
    print(report.text())
    return report.exit_code


if __name__ == "__main__":
    raise SystemExit(main())
