"""The main program of a script with settings: one run, a sweep, and how either ends, in whatever process."""

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from omegaconf import DictConfig

from experiments._processes import be_one_of_several, is_first, leave_others, n_processes, tell
from layercurv.errors import InputError
from layercurv.exchange import LostProcessError

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = str(ROOT / "configs")
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)  # what schedulers send before they kill

# configs/hydra/launcher fills in the launchers' own schemas, and is to be checked against them.
warnings.filterwarnings("ignore", r"\s*'hydra/launcher/\w+' is validated against ConfigStore schema")


def be_main(config: str, task: Callable[[DictConfig], None], processes: bool = False) -> None:
    """Compose the settings from the command line and run the task on them, or on each variant of a sweep (`-m`).

    A sweep's other variants still run if one fails, on this machine, in other processes or on a cluster
    (`hydra/launcher=...`); then the first error is told.

    Args:
        config: Name of the primary configuration.
        task: What to do with the composed settings.
        processes: Whether several processes, as `torchrun` starts them, can do it together.

    Raises:
        SystemExit: With code 2 on bad input, 1 if a run's process died, 128 + n if signal n stopped this one.
        RuntimeError: If something else went wrong.
    """
    failed: list[InputError] = []
    be_one_of_several()
    if not processes and n_processes() > 1:
        _end(
            2,
            f"{config}: expected one process, got {n_processes()}: its work is not split over samples; start it "
            "without torchrun (several runs at a time: -m hydra/launcher=joblib)",
        )

    @hydra.main(version_base="1.3", config_path=CONFIGS, config_name=config)
    def main(cfg: DictConfig) -> None:
        leave_when_told()
        try:
            task(cfg)
        except InputError as error:
            tell(f"error: {error}")
            failed.append(error)
            if "BasicLauncher" not in HydraConfig.get().launcher["_target_"]:
                raise  # in another process the list above would not hear of it

    leave_when_told()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands errors on instead of ending the program itself
    try:
        main()
    except (InputError, CompactHydraException) as error:
        hint = "; launchers come with pip install '.[cluster]'" if "hydra_plugins" in str(error) else ""
        _end(2, f"{error} {error.__cause__ or ''}".strip() + hint)
    except LostProcessError as error:
        _end(1, f"{error}; the same command goes on from its last checkpoint")
    except _died() as error:
        reason = str(error).strip().partition("\n")[0]
        if isinstance(error.__cause__, subprocess.CalledProcessError):  # sbatch itself
            _end(2, f"Slurm did not take the runs ({reason})")
        _end(
            1,
            "a run ended without an answer, killed or out of memory; the same command goes on from its last checkpoint "
            f"({type(error).__name__}: {reason})",
        )
    except RuntimeError as error:  # no exceptions of their own for a launcher, or a Slurm, that is not there
        if 'Could not detect "srun"' in str(error):
            _end(2, "no Slurm on this machine (srun is not found); on its own cores: -m hydra/launcher=joblib")
        if "Unknown plugin class" not in str(error):
            raise
        _end(2, f"{error}; launchers come with pip install '.[cluster]'")
    finally:
        leave_others()
    if failed:
        raise SystemExit(2)


def leave_when_told() -> None:
    """Make signals that would kill this process end it in order; those that somebody handles (submitit) stay his."""
    for number in STOPPING:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _leave)


def _leave(number: int, _frame: object) -> None:
    text = f"stopped by {signal.Signals(number).name}: the same command goes on from its last checkpoint\n"
    if is_first():
        os.write(2, text.encode())  # print might have been interrupted itself
    for again in STOPPING:
        signal.signal(again, signal.SIG_IGN)  # schedulers repeat themselves; the end is under way
    raise SystemExit(128 + number)


def _died() -> tuple[type[Exception], ...]:
    # What launchers raise for a process that is gone; submitit is known only where it is in use.
    submitit = sys.modules.get("submitit.core.utils")
    return (BrokenExecutor, *((submitit.UncompletedJobError,) if submitit else ()))


def _end(code: int, message: str) -> None:
    tell(f"error: {message}")
    raise SystemExit(code)
