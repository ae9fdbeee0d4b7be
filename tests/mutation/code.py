"""(c) What `mutmut run` found of the gate's own code: killed and survived per file. `python -m tests.mutation.code`."""

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

LEAST = 0.95
FOLDERS = ("layercurv/claims", "claimgate")
_SURVIVED, _UNTESTED = 0, 33  # exit codes that mutmut records: the tests passed; no test reaches the function


def main() -> int:
    found: dict[str, Counter] = defaultdict(Counter)
    survivors = []
    paths = (path for folder in FOLDERS for path in Path("mutants", folder).rglob("*.py.meta"))
    for path in sorted(paths):
        codes = json.loads(path.read_text())["exit_code_by_key"]
        name = str(path.relative_to("mutants"))[: -len(".meta")]
        for mutant, code in codes.items():
            verdict = "not run" if code is None else "survived" if code in (_SURVIVED, _UNTESTED) else "killed"
            found[name][verdict] += 1
            survivors += [mutant] if verdict == "survived" else []
    total = sum((Counter(counts) for counts in found.values()), Counter())
    for name, counts in found.items():
        print(f"{name:<62} {counts['killed']:>5} of {counts['killed'] + counts['survived']:>5}")
    judged = total["killed"] + total["survived"]
    if not judged or total["not run"]:
        print(f"error: {judged} mutants judged, {total['not run']} not run; use `mutmut run`", file=sys.stderr)
        return 1
    share = total["killed"] / judged
    print("\n".join(f"  SURVIVED {mutant}" for mutant in survivors))
    print(f"killed {total['killed']} of {judged} ({share:.1%}), expected at least {LEAST:.0%}")
    return 0 if share >= LEAST else 1


if __name__ == "__main__":
    raise SystemExit(main())
