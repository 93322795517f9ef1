"""Benchmarks: what a case costs beside a named baseline, measured in the same run.

python -m benchmarks --case pipeline --runs 3 --rows 200000     (or: make bench CASE=pipeline)

Nothing here is imported by the library. What measures stays small: it imports neither polars nor
DuckDB, because a process is born with the peak memory of the one that starts it.
"""
