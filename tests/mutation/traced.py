"""Which values of a record are read: a dictionary that remembers."""


class Traced(dict):
    """A dictionary that notes each value somebody reads, by its path; nested ones note into the same set."""

    def __init__(self, plain: dict, path: tuple, reads: set):
        self.reads = reads
        self.path = path
        super().__init__({key: trace(value, (*path, key), self.reads) for key, value in plain.items()})

    def _note(self, key) -> None:
        if key in self:
            value = dict.__getitem__(self, key)
            if not isinstance(value, dict) and not (
                isinstance(value, list) and any(isinstance(v, dict) for v in value)
            ):
                self.reads.add((*self.path, key))

    def __getitem__(self, key):
        self._note(key)
        return super().__getitem__(key)

    def get(self, key, default=None):
        self._note(key)
        return super().get(key, default)


def trace(value, path: tuple, reads: set):
    if isinstance(value, dict):
        return Traced(value, path, reads)
    if isinstance(value, list):
        return [trace(item, (*path, index), reads) for index, item in enumerate(value)]
    return value


def readers(subjects: list, read, document) -> dict[tuple, list]:
    """Map each path of a document to the subjects that read it.

    `read(subject, document)` evaluates a subject, such as a claim, on the traced document.
    """
    reads: set[tuple] = set()
    traced = trace(document, (), reads)
    found: dict[tuple, list] = {}
    for subject in subjects:
        reads.clear()
        read(subject, traced)
        for path in reads:
            found.setdefault(path, []).append(subject)
    return found
