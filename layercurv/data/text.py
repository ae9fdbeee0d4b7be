"""Cut real text into windows: the next byte or token as target, or the author as label."""

import hashlib

import torch

from layercurv.data.shards import open_shards
from layercurv.data.text_data import N_BYTES, TextWindows
from layercurv.errors import InputError


def load_text(
    name: str,
    hub: str | None,
    text_column: str,
    train_split: str,
    test_split: str,
    sequence_length: int,
    root: str | None = None,
    train_limit: int | None = None,
    test_limit: int | None = None,
    tokenizer=None,
    hub_subset: str | None = None,
) -> TextWindows:
    """Load a language model's text; windows follow each other without overlap.

    Args:
        name: Folder of the data set below `root`, such as "tiny_shakespeare".
        hub: Name on the hub; None if it is not there.
        text_column: Column with the text; rows are joined in order.
        train_split: Name of the split to train on.
        test_split: Name of the split to test on.
        sequence_length: T, tokens per window.
        root: Folder with MANIFEST.json; None downloads from the hub.
        train_limit: Keep the first training windows only; None keeps all.
        test_limit: Likewise for the test windows.
        tokenizer: A tokenizer of transformers; None makes every byte a token.
        hub_subset: Which of the hub's configurations of the data set, where it has several.

    Returns:
        The windows; checksums of shards and of the joined text, as tokens, are in the provenance.
    """
    shards = open_shards(name, root, hub, {"train": train_split, "test": test_split}, hub_subset)
    tokens = {split: _tokens("".join(rows[text_column]), tokenizer) for split, rows in shards.splits.items()}
    windows = {
        split: _next_token_windows(tokens[split], sequence_length, limit)
        for split, limit in (("train", train_limit), ("test", test_limit))
    }
    return _windows(name, shards, tokens, windows, N_BYTES if tokenizer is None else len(tokenizer))


def load_authors(
    name: str,
    hub: str | None,
    authors: list[str],
    n_classes: int,
    sequence_length: int,
    test_share: float,
    root: str | None = None,
    train_limit: int | None = None,
) -> TextWindows:
    """Load texts of several authors as a classification task: whose window is this?

    The end of each text is the test set. Every author gives as many windows as the shortest text has.

    Args:
        name: Folder of the data set below `root`, such as "gutenberg-5"; columns `author` and `text`.
        hub: Name on the hub; None if it is not there.
        authors: One class each.
        n_classes: How many there are; networks read it from the configuration.
        sequence_length: T, tokens per window.
        test_share: Share of each text kept for testing.
        root: Folder with MANIFEST.json; None downloads from the hub.
        train_limit: Training windows per author; None keeps all.

    Returns:
        The windows, classes interleaved.

    Raises:
        InputError: If an author is not in the data, or their number is not `n_classes`.
    """
    if len(authors) != n_classes:
        raise InputError(f"data.n_classes: expected the number of data.authors, {len(authors)}, got {n_classes}")
    shards = open_shards(name, root, hub, {"train": "train"})
    rows = shards.splits["train"]
    texts = dict(zip(rows["author"], rows["text"], strict=True))
    unknown = [author for author in authors if author not in texts]
    if unknown:
        raise InputError(f"data.authors: no author {unknown[0]!r} in {name}; it has: {', '.join(sorted(texts))}")
    tokens = {author: _tokens(texts[author]) for author in authors}
    per_author = [_whole_windows(tokens[author], sequence_length) for author in authors]
    n = min(map(len, per_author))
    n_train = n - round(n * test_share)
    parts = {"train": slice(0, n_train)} if train_limit is None else {"train": slice(0, min(n_train, train_limit))}
    parts["test"] = slice(n_train, n)
    windows = {
        split: (
            torch.stack([found[part] for found in per_author], 1).flatten(0, 1),
            torch.arange(len(authors)).repeat(part.stop - part.start),
        )
        for split, part in parts.items()
    }
    return _windows(name, shards, tokens, windows, len(authors))


def generate_text(
    n_train: int, n_test: int, n_symbols: int, sequence_length: int, seed: int, n_classes: int | None = None
) -> TextWindows:
    """Generate text for smoke runs and tests: random Markov chains over a few bytes.

    Args:
        n_train: Training windows.
        n_test: Test windows.
        n_symbols: Different bytes.
        sequence_length: T, tokens per window.
        seed: Seed of chains and text.
        n_classes: One chain each, whose number is the label; None for one chain and the next token as target.

    Returns:
        The windows; the provenance says that they are generated.
    """
    draws = torch.Generator().manual_seed(seed)
    n = n_train + n_test
    chains = torch.randn((n_classes or 1, n_symbols, n_symbols), generator=draws).mul(2).softmax(2)
    labels = torch.randint(n_classes or 1, (n,), generator=draws)
    states = [torch.randint(n_symbols, (n,), generator=draws)]
    for _ in range(sequence_length):
        states.append(torch.multinomial(chains[labels, states[-1]], 1, generator=draws).squeeze(1))
    tokens = torch.stack(states, 1).to(torch.uint8)
    inputs, targets = tokens[:, :-1], tokens[:, 1:] if n_classes is None else labels
    provenance = {
        "name": "synthetic_text",
        "source": f"generated from seed {seed}",
        "shards_sha256": {},
        "pixels_sha256": {},
        "n_lossy_train": 0,
        "n_train": n_train,
        "n_test": n_test,
    }
    parts = (inputs[:n_train], targets[:n_train], inputs[n_train:], targets[n_train:])
    return TextWindows(*parts, n_classes or N_BYTES, provenance)


def _tokens(text: str, tokenizer=None) -> torch.Tensor:
    if tokenizer is not None:
        return torch.tensor(tokenizer.encode(text, add_special_tokens=False, verbose=False), dtype=torch.int32)
    return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)


def _whole_windows(tokens: torch.Tensor, length: int) -> torch.Tensor:
    n = len(tokens) // length
    return tokens[: n * length].view(n, length)


def _next_token_windows(tokens: torch.Tensor, length: int, limit: int | None) -> tuple[torch.Tensor, torch.Tensor]:
    n = (len(tokens) - 1) // length
    if n < 1:
        raise InputError(f"data.sequence_length: expected fewer than the {len(tokens)} tokens there are, got {length}")
    return _whole_windows(tokens[:-1], length)[:limit], _whole_windows(tokens[1:], length)[:limit]


def _windows(name, shards, tokens: dict, windows: dict, n_classes: int) -> TextWindows:
    (train_inputs, train_targets), (test_inputs, test_targets) = windows["train"], windows["test"]
    provenance = {
        "name": name,
        "source": shards.source,
        "shards_sha256": shards.checksums,
        "pixels_sha256": {},
        "text_sha256": {key: hashlib.sha256(part.numpy().tobytes()).hexdigest() for key, part in tokens.items()},
        "n_lossy_train": 0,
        "n_train": len(train_inputs),
        "n_test": len(test_inputs),
    }
    return TextWindows(train_inputs, train_targets, test_inputs, test_targets, n_classes, provenance)
