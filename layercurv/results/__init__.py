"""Frozen records: one JSON file per variant and scale, written once and checked against a schema.

- `strict_json`: JSON without NaN, infinity or duplicate keys
- `schema`: versioned JSON Schemas and their error messages
- `provenance`: commit, versions, hardware, kernels
- `store`: where a record lies; write once, atomically; read back
- `manifest`: SHA256SUMS over `results/`, the seal of what is frozen
"""
