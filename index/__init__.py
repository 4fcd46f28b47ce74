"""How we find it: encoders, lexical and dense search, fusion, snapshots."""
