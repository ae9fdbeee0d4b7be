"""Sentences that somebody has read and accepted: whatever is written differently since then fails.

- `sentences`: a text cut into sentences, however its lines are broken
- `sources`: which texts are locked, and how a claim or a row of the audit is told in words
- `lock`: the accepted sentences in `claims/locked/`, and what differs from them
"""
