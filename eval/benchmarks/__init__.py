"""Benchmarks: how fast it answers, and how much it bears."""
