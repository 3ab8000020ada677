"""`spark-submit jobs/coverage.py …`: the command `trailhouse coverage`, from a checkout."""

import sys

from trailhouse.cli import main

main(["coverage", *sys.argv[1:]])
