"""controlled_ablations: alpha of networks that differ in one thing: number of classes, task, normalisation."""

from experiments._runner import launch
from experiments.alpha_map import measure

if __name__ == "__main__":
    launch("controlled_ablations", measure, processes=True)
