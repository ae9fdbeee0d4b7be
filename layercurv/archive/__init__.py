"""Everything a reader needs, in one archive: an RO-Crate that says which run made which record."""
