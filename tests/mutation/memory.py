"""Quantities of unchanged entries, computed once: a mutant changes one layer out of hundreds."""

from collections.abc import Callable


class Memory:
    """Answers for the dictionaries of some documents, which are told by identity: a changed copy is computed anew.

    The documents must outlive the memory.
    """

    def __init__(self, documents: list):
        self._known: set[int] = set()
        for document in documents:
            self._collect(document)

    def remember(self, function: Callable) -> Callable:
        """Wrap a function whose last argument is an entry and whose other arguments can be hashed."""
        answers: dict[tuple, object] = {}

        def answer(*arguments):
            key = (*arguments[:-1], id(arguments[-1]))
            if key[-1] not in self._known:
                return function(*arguments)
            if key not in answers:
                answers[key] = function(*arguments)
            return answers[key]

        return answer

    def remember_all(self, functions: dict[str, Callable]) -> None:
        for name, function in functions.items():
            functions[name] = self.remember(function)

    def _collect(self, value) -> None:
        if isinstance(value, dict):
            self._known.add(id(value))
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            if isinstance(item, dict | list):
                self._collect(item)
