"""Tests mirror the code; `cases` are tiny networks, `records` a planted record, `reference` brute force.

`compare` is the one numeric comparison. Slow tests carry a marker and run with `make test-all`.
"""
