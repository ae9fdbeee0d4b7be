"""One script per experiment id: `python -m experiments.<id>`; README.md and EXPERIMENTS.md list them.

What they share:

- `_main`: the main program: one run, a sweep, and how either ends
- `_runner`: builds, times, validates and writes; the only writer of records
- `_training`: a trained network, from its checkpoint if there is one
- `_subject`: data, samples and trained network in one
- `_curvature`: which layers are measured on which samples; the measuring is `layercurv.measure`
- `_contest`: equal tuning budgets for optimisers
- `_comparisons`: optimisers against each other, with tests of equivalence
- `_queue`, `queue.toml`: runs what is missing; `_network`: what is missing of one network, for a cluster
- `_table`: all records at a glance; `_reproduce`: one record again
"""
