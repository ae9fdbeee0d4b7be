"""One script per experiment id: `python -m experiments.<id>`.

- `alpha_map`: alpha, gamma, s and the five slopes of every weight layer
- `_runner`: builds, times, validates and writes; the only writer of records
- `_training`: a trained network, from its checkpoint if there is one
- `_curvature`: directions, curvatures and factors of all layers, resumable
"""
