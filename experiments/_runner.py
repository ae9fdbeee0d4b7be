"""Run one experiment: name the record, seed, measure, add provenance, validate, write. The only writer of records."""

import datetime
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from experiments._main import ROOT, be_main
from experiments._processes import layout, world
from layercurv.errors import InputError
from layercurv.exchange import Exchange
from layercurv.files import clear_leftovers, require_writable
from layercurv.kernels import Kernels, numerics
from layercurv.results.provenance import fingerprint, git_state, hardware, package_versions
from layercurv.results.store import RecordName, read_record, write_record

# Overrides that say where or how, not what: they leave the record's name alone.
_UNNAMED = ("place", "overwrite", "variant", "device", "seed", "scale", "subject", "model", "data", "data.root")


@dataclass(frozen=True)
class Run:
    """What an experiment's `measure` gets."""

    cfg: DictConfig
    device: torch.device
    code: str  # commit the code runs from, "+changes" behind it if the tree is dirty
    kernels: Kernels  # what is known of them; shared with the runs made by `with_settings`
    exchange: Exchange  # the processes that run this together; the first one writes and prints

    def checkpoint(self, name: str, *parts: str) -> tuple[Path, str]:
        """Name a checkpoint by the configuration it depends on, so that equal work is found again and shared.

        Args:
            name: What is saved.
            *parts: Configuration keys it depends on; "seed" is always one.

        Returns:
            The file, and the fingerprint of that configuration.
        """
        config = recorded_config(self.cfg)
        digest = fingerprint({"seed": config["seed"]} | {part: config[part] for part in parts})
        return Path(self.cfg.place.checkpoints) / f"{name}-{digest[:16]}.pt", digest

    def with_settings(self, settings: dict) -> "Run":
        """Change some settings, as for a run that prepares this one.

        Args:
            settings: Key of the configuration ("optimizer.learning_rate") to value.

        Returns:
            A run of its own.
        """
        cfg = self.cfg.copy()
        for key, value in settings.items():
            OmegaConf.update(cfg, key, value, merge=False, force_add=True)
        return replace(self, cfg=cfg)


def launch(experiment: str, measure: Callable[[Run], dict], processes: bool = False) -> None:
    """Be the main program of an experiment script.

    Args:
        experiment: Experiment id; also the name of its configuration.
        measure: Returns the record's measurements and, under `provenance`, what it adds to the provenance.
        processes: Whether several processes can run it together, each on a share of the samples.
    """

    def task(cfg: DictConfig) -> None:
        run_one(experiment, measure, cfg, record_variant(cfg), list(HydraConfig.get().overrides.task))

    be_main(experiment, task, processes)


def run_one(
    experiment: str, measure: Callable[[Run], dict], cfg: DictConfig, variant: str, overrides: list[str]
) -> Path:
    """Measure one variant and write its record, unless the record exists.

    Args:
        experiment: Experiment id.
        measure: As for `launch`.
        cfg: The composed configuration.
        variant: Name of the record.
        overrides: The command line's overrides, for the provenance.

    Returns:
        The record's path.
    """
    name = RecordName(experiment, variant, cfg.scale)
    path = name.path(cfg.place.results)
    device = _device(cfg.device)
    exchange = world(device)

    def is_kept() -> bool:
        if path.exists() and not cfg.overwrite:
            clear_leftovers(path.parent)
            _require_same_config(path, recorded_config(cfg))
            return True
        require_writable(path.parent)
        return False

    if exchange.from_first(is_kept):
        print(f"kept {path}: it exists and was made with this configuration; overwrite=true measures again")
        return path
    exchange.together(lambda: require_writable(cfg.place.checkpoints))
    started = time.perf_counter()
    git = git_state(ROOT)
    code = f"{git['commit'] or 'unknown'}{'+changes' if git['dirty'] else ''}"
    run = Run(cfg, device, code, Kernels(device), exchange)
    _require_processes(run)
    torch.manual_seed(cfg.seed)
    measured = measure(run)
    provenance = _provenance(run, git, overrides) | measured.pop("provenance")
    provenance["wall_s"]["this_run"] = time.perf_counter() - started
    exchange.from_first(lambda: write_record(cfg.place.results, name, measured, provenance, cfg.overwrite))
    print(f"wrote {path}")
    return path


def recorded_config(cfg: DictConfig) -> dict:
    """Resolve a configuration and leave out what says only where things lie or how often they are saved.

    Args:
        cfg: The composed configuration.

    Returns:
        Plain nested dictionary; equal for two runs that must give the same record.
    """
    config = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    for key in ("place", "overwrite", "variant", "scale", "sizes"):
        config.pop(key)
    if config.get("training", {}).get("processes") == 1:  # as every record says that does not speak of it
        del config["training"]["processes"]
    places = (("data", "root"), ("model", "root"), ("training", "checkpoint_s"), ("curvature", "checkpoint_s"))
    for group, key in places:
        config.get(group, {}).pop(key, None)
    return config


def record_variant(cfg: DictConfig) -> str:
    """Name the record from the choices made and any other override, so that no two configurations share a name.

    Args:
        cfg: The composed configuration.

    Returns:
        `cfg.variant`, or a name like "resnet18_cifar10_seed3+model.width=16".
    """
    if cfg.variant is not None:
        return cfg.variant
    choices, task = HydraConfig.get().runtime.choices, HydraConfig.get().overrides.task
    named = [item for item in task if not _is_unnamed(item.lstrip("+~").partition("=")[0])]
    name = "+".join([f"{choices['model']}_{choices['data']}_seed{cfg.seed}", *sorted(named)])
    return re.sub(r"[\[\]{}'\" ]", "", name)  # a list's brackets are no part of a file name


def _is_unnamed(key: str) -> bool:
    return key in _UNNAMED or key.startswith("place.") or key.endswith(".checkpoint_s")


def _require_same_config(path: Path, config: dict) -> None:
    found = read_record(path).get("provenance", {}).get("config")
    if found != config:
        different = [key for key in config if not isinstance(found, dict) or found.get(key) != config[key]]
        raise InputError(
            f"{path}: the record exists and was made with other settings (different: {', '.join(different)}); "
            "name this run with variant=NAME, or replace the record with overwrite=true"
        )


def _require_processes(run: Run) -> None:
    size, training = run.exchange.size, run.cfg.get("training") or {}
    wanted = training.get("processes", 1)
    if wanted not in (1, size):
        raise InputError(
            f"training.processes: expected 1 or the number of processes, {size}, got {wanted}; start them with "
            f"torchrun --nproc-per-node={wanted}"
        )


def _device(name: str) -> torch.device:
    if name not in ("cpu", "cuda"):
        raise InputError(f"device: expected cpu or cuda, got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device=cuda: this torch sees no CUDA device; use device=cpu, or scale=small")
    # Reduced precision only where a configuration asks for it.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    if name == "cuda":  # the same bits each time; an operation that has no such form says so once
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    return torch.device(name)


def _provenance(run: Run, git: dict, overrides: list[str]) -> dict:
    config = recorded_config(run.cfg)
    gpu = torch.cuda.get_device_name() if run.device.type == "cuda" else None
    return {
        "code": git,
        "overrides": [item for item in overrides if not item.startswith(("place.", "data.root"))],
        "config": config,
        "config_sha256": fingerprint(config),
        "seed": run.cfg.seed,
        "device": run.device.type,
        "versions": package_versions(),
        "hardware": hardware() | {"gpu": gpu, "n_threads": torch.get_num_threads()},
        "numerics": numerics(run.kernels.layout) | {"kernel_check": run.kernels.facts()},
        "finished_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    } | ({"processes": layout(run.exchange, run.device)} if run.exchange.size > 1 else {})
