"""
How fast Trailhouse is beside what a user would pick instead: `make bench`.

Everything that is compared runs in one run, in turn, on the same cores; each contender is a process of its own. Results
are written to `bench/results/`, as numbers and ratios, and shown in `docs/bench.md`. Counts that must not grow, which
need no quiet machine, are held by `bench.check`.
"""
