"""Mutation testing of the gate: does a change that matters change the exit code? `python -m tests.mutation` runs it.

- `stated`: every stated value moved in its last printed digit
- `leaves`: every value that a claim, a row or a replication reads, changed in eight ways
- `traced`: which values these are
- `paper_files`: the same on the audited paper's own files
- `whole_files`: files truncated, removed, emptied, exchanged
- `written`: sentences of paper and documents, and what stands around each claim in the compiled text
- `forged`: provenance forged and sealed again, rules that move with the change, claims that say nothing
- `checkout`: whole attacks on a copy of the checkout, through the commands
- `report`: killed and survived, per file
"""
