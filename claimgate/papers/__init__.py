"""Papers compiled from the verified table, once as readers see them and once with marks around what is printed by rule.

- `compiled`: the two texts of a paper, whatever it is written in
- `typst`: with the Typst wheel; sections take numbers from `claimgate.typ`
- `latex`: with what is installed; `claimgate.sty` reads `claimgate.tex`, which is written from the table
- `markdown`: to HTML, with `{{claim id}}`
"""
