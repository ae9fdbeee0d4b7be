"""Typst papers: compiled with the wheel `typst`, so that nothing else need be installed."""

from pathlib import Path

from claimgate.errors import InputError, shown

TIMESTAMP = 1767225600  # 2026-01-01 00:00 UTC: the document's date, so that equal input gives equal bytes


def compile_typst(source: Path, root: Path, build: Path) -> None:
    """Compile a paper to `paper.pdf` and `marked.pdf`.

    Args:
        source: The source; it imports `claimgate.typ`, which reads `/build/claims.json`.
        root: The root of the paper; nothing outside it is read.
        build: Where the two lie afterwards.

    Raises:
        InputError: If it does not compile.
    """
    import typst

    for name, inputs in (("paper", {}), ("marked", {"marks": "on"})):
        try:
            typst.compile(
                source,
                output=build / f"{name}.pdf",
                root=root,
                ignore_system_fonts=True,
                timestamp=TIMESTAMP,
                sys_inputs=inputs,
            )
        except typst.TypstError as error:
            raise InputError(f"{source}: expected a paper that compiles, got: {shown(str(error), 300)}") from error
