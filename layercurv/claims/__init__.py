"""What is particular to the claims of this paper; the gate itself is the package `claimgate`. No torch.

- `house`: all of it together, as `claimgate.toml` names it
- `layer_fits`: fits that many claims ask of the same layers
- `quantities`: what is recomputed from a layer's raw lists (closed list)
- `validation_quantities`: the same for `hvp_validation` and `conv_gap`
- `profile_quantities`, `kronecker_quantities`, `tail_quantities`, `noise_quantities`: for the experiments of that name
- `published`: what is recomputed from the source paper's own files
- `result_sets`: two results folders, headline by headline
- `report_page`: the HTML report, read back
- `command`: the command line behind `verify_claims.py`
"""
