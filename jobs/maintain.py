"""`spark-submit jobs/maintain.py …`: the command `trailhouse maintain`, from a checkout."""

import sys

from trailhouse.cli import main

main(["maintain", *sys.argv[1:]])
