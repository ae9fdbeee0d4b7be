"""Claims as data, and the gate that checks them against frozen records. No torch.

- `claim`: what a claim and a verdict are
- `load`: TOML files to claims, everything validated
- `quantities`: what is recomputed from a layer's raw lists (closed list)
- `validation_quantities`: the same for `hvp_validation` and `conv_gap`
- `profile_quantities`: the same for `rank_profile`
- `checks`: reducers and comparisons (closed lists)
- `records`: sealed records read once, with the reason where one cannot be used
- `findings`: what is said in words, decided by claims
- `report_page`: the HTML report, read back
- `documents`: measured numbers in README.md and EXPERIMENTS.md
- `seeds`, `strictness`: claims that leave out a seed, or say nothing
- `base`: what a change does to the rules it is judged by
- `typed`, `paper_source`, `coverage`: what the compiled paper prints beside claims, and what its sections may do
- `provenance`: every record as a document: schema, finite numbers, facts that must agree
- `locked`: accepted sentences
- `engine`: verdicts of all claims
- `verification`: all verdicts together, and the exit code
- `report`: table for people, JSON for the paper, JUnit for a CI
- `command`: the command line behind `verify_claims.py`
"""
