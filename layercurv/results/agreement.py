"""Facts of a record's provenance that stand in two places, and must say the same in both.

What a record was made with stands in its file's name, its first lines, the overrides of its command line, its
configuration, the fingerprint of that, its data's checksums and its measurements. Whoever changes one of them by hand
forgets another. A fact that stands in one place only is not judged here.
"""

import datetime
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator

from layercurv.errors import shown
from layercurv.results.provenance import fingerprint

EARLIEST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)  # the project began in November 2026

# What a word in a record's name says of its configuration: a pattern, the setting, and how the word is read.
NAMED = (
    (r"_seed(\d+)$", "seed", int),
    (r"_B(\d+)_", "curvature.n_samples", int),
    (r"_epoch(\d+)_", "sampling.epoch", int),
    (r"^mlp_width(\d+)_", "model.hidden", lambda word: [int(word)]),
    (r"^vit_(batch|rms|none)_norm_", "model.norm", str),
    (r"^vgg(\d+)_", "model.depth", int),
    (r"^resnet(\d+)_published_", "model.depth", int),
    (r"^L(\d+)_", "depth", int),
    (r"^L\d+_(\w+)_seed\d+$", "case", str),
    (r"^(adam|adamw|sgd|muon|spectral_newton)_", "optimizer.name", str),
    (r"^spectral_newton_([12])_", "optimizer.alpha", float),
    (r"^spectral_newton_(measured)_", "optimizer.alpha", str),
    (r"^(direct|inverse|random)_", "optimizer.control", str),
    (r"^(?:direct|inverse|random)_([\d.]+)_", "optimizer.beta", float),
)
# Networks and data sets by the word in a record's name; the first that fits counts.
NETWORKS = (
    (r"^resnet\d+_published_", "published_resnet_cifar"),
    (r"^resnet18_", "resnet18_cifar"),
    (r"^resnet50_imagenet_photos_", "resnet50_imagenet"),
    (r"^resnet50_", "resnet50"),
    (r"^vgg\d+_", "vgg"),
    (r"^vit_", "vit"),
    (r"^mlp_", "mlp"),
    (r"^convnext_", "convnext"),
    (r"^mobilenet_v2_", "mobilenet_v2"),
    (r"^gpt2_classifier_", "gpt2_classifier"),
    (r"^gpt2_", "gpt2_language_model"),
    (r"^smollm2_", "causal_lm"),
)
_SEED = re.compile(r"_seed\d+(?=\.)")
OWN_TEXT = "model_samples"  # that the network itself wrote
DATA = (
    (r"_own_text_", OWN_TEXT),
    (r"_cifar100_", "cifar100"),
    (r"_cifar10_|_published_", "cifar10"),
    (r"_tiny_imagenet_", "tiny-imagenet-50per"),
    (r"_imagenet_photos_", "imagenet-compatible"),
    (r"_tiny_shakespeare_", "tiny_shakespeare"),
    (r"_novels_", "gutenberg-5"),
    (r"_wikitext_", "wikitext-2"),
)


def all_disagreements(records: dict[str, dict]) -> Iterator[tuple[str, str]]:
    """Compare the facts of all records, in each and between them.

    Args:
        records: Name to record, each of which meets its schema.

    Yields:
        Name, and what does not agree.
    """
    for name, record in records.items():
        yield from ((name, line) for line in disagreements(record, name))
    variants = defaultdict(dict)
    for name, record in records.items():
        if "config" in record["provenance"]:
            variants[_SEED.sub("", name)][name] = record
    between = [line for variant in variants.values() for line in sibling_disagreements(variant)]
    for line in [*between, *data_disagreements(records), *forecast_disagreements(records)]:
        name, _, reason = line.partition(": ")
        yield name, reason


def disagreements(record: dict, name: str) -> list[str]:
    """Compare the facts of one record.

    Args:
        record: The record; it meets its schema.
        name: Its path below the results folder, "alpha_map/NAME.small.json".

    Returns:
        One line for each pair that does not agree.
    """
    return [*_name(record, name), *_code(record["provenance"]), *_run(record)]


def sibling_disagreements(records: dict[str, dict]) -> list[str]:
    """Compare the records of one variant: they differ by their seed and by what was measured, in nothing else.

    Args:
        records: Name to record, one per seed.

    Returns:
        One line for each record that differs in more than that, or in less.
    """
    (first, one), *others = records.items()
    found = []
    for name, other in others:
        here, there = (record["provenance"]["config"] for record in (one, other))
        if _without_seeds(here) != _without_seeds(there):
            found.append(f"{name}: expected the configuration of {first} but for the seed")
        if one["measurements"] == other["measurements"]:
            found.append(f"{name}: holds the measurements of {first}, seed for seed")
    return found


def data_disagreements(records: dict[str, dict]) -> list[str]:
    """Compare what records say of the data they share.

    Args:
        records: Name to record.

    Returns:
        One line for each record whose data has other checksums than the same data elsewhere.
    """
    known: dict[str, tuple[str, dict]] = {}
    found = []
    for name, record in records.items():
        provenance = record["provenance"]
        loaded = _at(provenance.get("config", {}), "data.name")
        if loaded is None or loaded != provenance["data"]["name"]:
            continue  # made, not loaded
        asked = json.dumps([provenance["config"]["data"], provenance["data"]["n_train"]], sort_keys=True)
        first, data = known.setdefault(asked, (name, provenance["data"]))
        if data != provenance["data"]:
            found.append(f"{name}: expected the data of {first}, which loads the same")
    return found


def forecast_disagreements(records: dict[str, dict]) -> list[str]:
    """Compare what was measured with what was predicted of it: the same network, data and samples.

    Args:
        records: Name to record.

    Returns:
        One line for each measurement that was made with other settings than its prediction.
    """
    found = []
    for name, record in records.items():
        folder, _, file = name.partition("/")
        predicted = records.get(f"noise_prediction/{file}") if folder == "sampling_noise" else None
        if predicted is not None:
            here, there = ({**one["provenance"]["config"], "sampling": None} for one in (record, predicted))
            if _without_seeds(here) != _without_seeds(there):
                found.append(f"{name}: expected the configuration of noise_prediction/{file}, which predicts it")
    return found


def _name(record: dict, name: str) -> Iterator[str]:
    folder, _, file = name.partition("/")
    if folder != record["experiment"] or record["schema"].partition("/")[2] != folder:
        yield f"expected experiment and schema to be the folder {folder}, got {shown(record['experiment'])}"
    if "variant" in record and file != f"{record['variant']}.{record['scale']}.json":
        yield f"expected the file {record['variant']}.{record['scale']}.json, got {file}"


def _code(provenance: dict) -> Iterator[str]:
    code = provenance["code"]
    unknown = code["commit"] is None and code["dirty"] is None and code["reason"]  # `history` judges that
    if not unknown and (code["commit"] is None or code["dirty"] is not False or code["reason"] is not None):
        yield f"expected a clean commit, got {shown(code)}"
    if any(not re.fullmatch(r"[0-9a-f]{40}", commit) for commit in provenance.get("training_commits", ())):
        yield f"expected training at clean commits, got {shown(provenance['training_commits'])}"
    try:
        finished = datetime.datetime.fromisoformat(provenance["finished_utc"])
    except ValueError:
        yield f"expected finished_utc to be a date, got {shown(provenance['finished_utc'])}"
    else:
        if finished < EARLIEST:
            yield f"finished at {provenance['finished_utc']}, before the project began"
    needed = {"python", "layercurv"} | ({"torch", "numpy"} if "config" in provenance else set())
    texts = provenance["versions"] | {
        key: value for key, value in provenance.get("hardware", {}).items() if isinstance(value, str)
    }
    for key in sorted(needed | {key for key, value in texts.items() if value == ""}):
        if not texts.get(key):
            yield f"expected {key} to be told, found nothing"


def _run(record: dict) -> Iterator[str]:
    provenance = record["provenance"]
    if "config" not in provenance:
        return
    config = provenance["config"]
    if fingerprint(config) != provenance["config_sha256"]:
        yield "config_sha256 is not the fingerprint of config"
    pairs = [
        ("provenance.seed", provenance["seed"], "config.seed", config.get("seed")),
        ("provenance.device", provenance["device"], "config.device", config.get("device", provenance["device"])),
        ("a GPU", provenance["hardware"]["gpu"] is not None, "device = cuda", provenance["device"] == "cuda"),
        *(("a seed in config", seed, "provenance.seed", provenance["seed"]) for seed in _seeds(config)),
        *_named(record["variant"], config, provenance["data"]["name"]),
        *_overridden(record, config),
        *_measured(record["measurements"], config),
        *_data(provenance, config),
    ]
    for one, value, other, expected in pairs:
        if value != expected:
            yield f"{one} is {shown(value)}, {other} {shown(expected)}"
    if not (provenance["wall_s"]["this_run"] > 0 and math.isfinite(provenance["wall_s"]["this_run"])):
        yield "expected wall_s.this_run above zero"


def _named(variant: str, config: dict, data: str) -> Iterator[tuple]:
    for pattern, key, read in NAMED:
        if (match := re.search(pattern, variant)) is not None:
            yield f"{match[0].strip('_')} in the name", read(match[1]), f"config.{key}", _at(config, key)
    target = _at(config, "model._target_")
    if isinstance(target, str) and (network := _first(NETWORKS, variant)) is not None:
        yield "the network in the name", network, "config.model", target.rpartition(".")[2]
    if (named := _first(DATA, variant)) is not None:
        yield "the data in the name", named, "the data", data


def _overridden(record: dict, config: dict) -> Iterator[tuple]:
    known = {"variant": record["variant"], "scale": record["scale"]}
    for override in record["provenance"]["overrides"]:
        key, _, text = override.lstrip("+~").partition("=")
        found = known.get(key, _at(config, key))
        if isinstance(found, dict):
            found = found.get("name")  # a group is chosen by its name
        if found is not None and key != "subject":
            yield f"override {key}", text.strip("'\""), "what it sets", _as_override(found)


def _measured(measurements: dict, config: dict) -> Iterator[tuple]:
    n_samples = _at(config, "curvature.n_samples")
    if "n_samples" in measurements and n_samples is not None:
        yield "measurements.n_samples", measurements["n_samples"], "config.curvature.n_samples", n_samples
    training, epochs = measurements.get("training"), _at(config, "training.epochs")
    if isinstance(training, dict) and "history" in training and epochs is not None:
        yield "epochs of training.history", len(training["history"]), "config.training.epochs", epochs


def _data(provenance: dict, config: dict) -> Iterator[tuple]:
    name, start, data = _at(config, "data.name"), _at(config, "sampling.start_token"), provenance["data"]
    if name is not None:
        expected = name if start is None else OWN_TEXT
        yield "provenance.data.name", data["name"], "what config asks for", expected
    for pattern, other, expected in (
        (r"generated from seed (\d+)|.* seed (\d+), after token \d+", "provenance.seed", provenance["seed"]),
        (r".* after token (\d+)", "config.sampling.start_token", start),
    ):
        if (match := re.fullmatch(pattern, data["source"])) is not None:
            yield "the source of the data", int(next(filter(None, match.groups()))), other, expected
    if (covariance := _at(config, "teacher.covariance")) is not None:
        yield "the data", data["name"], "config.teacher.covariance", f"gaussian_{covariance}"
    if data["source"] == "local shards":
        yield "data from shards", bool(data["shards_sha256"]), "with their checksums", True


def _at(config: dict, key: str) -> object:
    found: object = config
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _as_override(value: object) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_as_override, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _first(table: tuple, name: str) -> str | None:
    return next((value for pattern, value in table if re.search(pattern, name)), None)


def _seeds(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from (item for key, item in value.items() if key == "seed")
        for item in value.values():
            yield from _seeds(item)


def _without_seeds(value: object) -> object:
    if isinstance(value, dict):
        # A setting that is null is the same as one that there was not yet.
        return {key: _without_seeds(item) for key, item in value.items() if key != "seed" and item is not None}
    return [_without_seeds(item) for item in value] if isinstance(value, list) else value
