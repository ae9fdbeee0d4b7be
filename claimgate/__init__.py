"""A gate for the numbers a paper prints: claims as data, checked against sealed records. Knows no field of science.

- `project`: one paper: its folders, names and quantities, as `claimgate.toml` and its module say
- `claim`: what a claim and a verdict are
- `load`: TOML files to claims, everything validated
- `record_formats`: JSON, CSV, Parquet and NumPy files to documents
- `records`, `manifest`: sealed records read once, with the reason where one cannot be used; the seal
- `provenance`, `schema`, `bulk_schema`, `history`: every record as a document, and the commits it names
- `select`, `evaluation`: JMESPath
- `checks`, `statistics`: reducers, comparisons and intervals (closed lists)
- `shared_fit`: fits that many claims ask of the same items
- `seeds`, `strictness`: claims that leave out a seed, or say nothing
- `engine`, `gate`, `verification`: verdicts of all claims, of all else, and the exit code
- `findings`: what is said in words, decided by claims
- `documents`: measured numbers in other documents than the paper
- `locked`: accepted sentences
- `base`: what a change does to the rules it is judged by
- `typed`, `typst_source`, `coverage`: what the compiled paper prints beside claims, and what its sections may do
- `unseen`: what a compiled paper holds and its reader does not read
- `papers`: Typst, LaTeX and Markdown papers compiled from the verified table
- `published`: the audit of somebody else's paper
- `report`: table, JSON, JUnit, Markdown, annotations, LaTeX, HTML, badge
- `init`, `explain`, `command`: the command line
"""

__version__ = "0.1.0"
