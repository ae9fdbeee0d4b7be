"""What the audit of the source paper recomputes from that paper's own files; the audit itself is `claimgate.published`.

- `source_fits`: fits redone from the raw lists of one entry
- `source_quantities`, `source_list_quantities`: what is recomputed from the paper's raw lists (closed lists)
"""
