"""The command `layercurv`: what the library does, for a network and samples that lie in files.

- `main`: options, errors, exit codes
- `measure`: the subcommand: an alpha map as table, JSON and picture
- `network`: a network from a file, a folder or a hub; `state_dict` weights for an architecture
- `samples`: micro-batches from a file, a folder or a hub; `images` and `text` how they are prepared
"""
