"""`spark-submit jobs/status.py …`: the command `trailhouse status`, from a checkout."""

import sys

from trailhouse.cli import main

main(["status", *sys.argv[1:]])
