"""`spark-submit jobs/publish.py …`: the command `trailhouse publish`, from a checkout."""

import sys

from trailhouse.cli import main

main(["publish", *sys.argv[1:]])
