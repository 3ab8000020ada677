"""`spark-submit jobs/check.py …`: the command `trailhouse check`, from a checkout."""

import sys

from trailhouse.cli import main

main(["check", *sys.argv[1:]])
