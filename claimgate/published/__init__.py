"""The audit of somebody else's paper: what its own data say about every number it prints, and what ours say.

- `row`: what a printed number, a reading of it and its replication are
- `load`: `published.toml` of the claims folder to rows, everything validated
- `source`: the paper's JSON files, read once, with their checksums
- `evidence`: readings to values, and the verdict they add up to
- `replication`: our own records against the printed number
- `frozen`: the frozen record, so that the audit stands without the paper's files
- `freeze`: the deliberate command that renews it
- `audit`: verdicts on all rows
"""
