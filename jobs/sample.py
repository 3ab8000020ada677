"""`spark-submit jobs/sample.py …`: the command `trailhouse sample`, from a checkout."""

import sys

from trailhouse.cli import main

main(["sample", *sys.argv[1:]])
