"""One self-contained HTML page of everything that was checked.

No torch, no network, no claims code: it reads what `verify_claims.py` wrote.

- `page`: the page from the verified table, the figures and the records
- `tables`: rows of claims and of the audit
- `page.html`, `page.css`, `page.js`: the frame, inlined
"""
