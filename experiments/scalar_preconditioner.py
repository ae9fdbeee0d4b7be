"""scalar_preconditioner: Adam whose layers' rates follow the decay s of their curvature, with two controls."""

from experiments._contest import compete, contest_data, measured_exponents
from experiments._runner import Run, launch


def measure(run: Run) -> dict:
    """Measure s on a reference network, tune, and train.

    Args:
        run: The run; `optimizer=adam` is the baseline.

    Returns:
        The record's measurements and what it adds to the provenance.
    """
    data, exponents = contest_data(run), None
    if run.cfg.optimizer.get("exponents") == "measured":
        exponents = measured_exponents(run, data, "s")
        run = run.with_settings({"optimizer.exponents": exponents})
    contestant = compete(run, data)
    return {
        "optimizer": run.cfg.optimizer.name,
        "exponents": exponents,
        **contestant.chosen(),
        "provenance": contestant.provenance(0.0),
    }


if __name__ == "__main__":
    launch("scalar_preconditioner", measure)
