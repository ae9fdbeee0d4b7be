"""Frozen records: one JSON file per variant and scale, written once and checked against a schema.

- `strict_json`: JSON without NaN, infinity or duplicate keys
- `schema`: versioned JSON Schemas and their error messages
- `bulk_schema`: many records against their schema at once
- `agreement`, `history`: facts of provenance that must agree, with each other and with the commits at hand
- `provenance`: commit, versions, hardware, kernels
- `store`: where a record lies; write once, atomically; read back
- `manifest`: SHA256SUMS over `results/`, the seal of what is frozen
"""
