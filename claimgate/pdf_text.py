"""The text of a PDF, as a reader sees it."""

from contextlib import closing
from pathlib import Path

from claimgate.errors import InputError, shown


def pdf_text(path: Path) -> str:
    """Extract the text of a PDF.

    Args:
        path: The file.

    Returns:
        The text, white space made single blanks.

    Raises:
        InputError: If it is missing or no PDF.
    """
    from pypdfium2 import PdfDocument, PdfiumError

    if not Path(path).is_file():
        raise InputError(f"{path}: expected the compiled paper, found none; compile it first")
    try:
        with closing(PdfDocument(path)) as document:
            text = " ".join(page.get_textpage().get_text_range() for page in document)
    except PdfiumError as error:
        raise InputError(f"{path}: expected a PDF, got one that does not parse: {shown(str(error))}") from error
    return " ".join(text.replace("\u2060", "").split())
