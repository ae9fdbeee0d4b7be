"""The audit of a published paper: what its own data say about every number it prints, and what ours say.

- `row`: what a printed number, a reading of it and its replication are
- `load`: `claims/published.toml` to rows, everything validated
- `source`: the paper's JSON files, read once, with their checksums
- `source_fits`: fits redone from the raw lists of one entry
- `source_quantities`, `source_list_quantities`: what is recomputed from the paper's raw lists (closed lists)
- `evidence`: readings to values, and the verdict they add up to
- `replication`: our own records against the printed number
- `frozen`: the record in `results/published_audit/`, so that the audit stands without the paper's files
- `freeze`: the deliberate command that renews it
- `audit`: verdicts on all rows
"""
