"""Validating a crate against the RO-Crate profile, offline: `python -m layercurv.archive.validation FOLDER`.

It runs in an environment of its own (requirements/archive.txt): the validator asks for an older version of a library
that the gate uses.
"""

import io
import sys
import tempfile
from importlib import resources
from pathlib import Path

from layercurv.errors import InputError

PROFILE = "ro-crate-1.3"
CONTEXT = "https://w3id.org/ro/crate/1.3/context"


def validate(folder: Path) -> list[str]:
    """Check a crate against everything the RO-Crate profile requires.

    Args:
        folder: The crate.

    Returns:
        One line per problem; empty if the crate is valid.

    Raises:
        InputError: If the folder holds no crate.
    """
    from rocrate_validator import services
    from rocrate_validator.models import Severity, ValidationSettings

    if not (Path(folder) / "ro-crate-metadata.json").is_file():
        raise InputError(f"{folder}: expected a crate with ro-crate-metadata.json, found none; run `make archive`")
    with tempfile.TemporaryDirectory() as cache:
        path = Path(cache) / "http"
        _remember_context(path)
        settings = ValidationSettings(
            rocrate_uri=str(folder),
            profile_identifier=PROFILE,
            requirement_severity=Severity.REQUIRED,
            offline=True,
            cache_path=str(path),
        )
        issues = services.validate(settings).get_issues()
    return [f"{issue.check.identifier}: {issue.message}" for issue in issues]


def _remember_context(cache: Path) -> None:
    # The one document a validation loads from the web is the JSON-LD context, which the rocrate package carries.
    import requests
    from requests_cache import CachedSession
    from urllib3 import HTTPResponse

    body = (resources.files("rocrate") / "data" / "ro-crate.jsonld").read_bytes()
    for accepted in ("application/ld+json, application/json", "application/ld+json"):
        response = requests.Response()
        response.status_code, response.url, response.encoding, response._content = 200, CONTEXT, "utf-8", body
        response.headers["Content-Type"] = "application/ld+json"
        response.request = requests.Request("GET", CONTEXT, headers={"Accept": accepted}).prepare()
        response.raw = HTTPResponse(io.BytesIO(body), headers=response.headers, status=200, preload_content=False)
        CachedSession(str(cache), expire_after=-1).cache.save_response(response)


def main() -> int:
    """Be the command line.

    Returns:
        0; 1 if the crate is not valid; 2 on bad input.
    """
    if len(sys.argv) != 2:
        print("usage: python -m layercurv.archive.validation FOLDER", file=sys.stderr)
        return 2
    try:
        problems = validate(Path(sys.argv[1]))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(problems) or f"{sys.argv[1]}: valid by {PROFILE}")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
