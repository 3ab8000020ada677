"""`spark-submit jobs/verify.py …`: the command `trailhouse verify`, from a checkout."""

import sys

from trailhouse.cli import main

main(["verify", *sys.argv[1:]])
