"""`spark-submit jobs/report.py …`: the command `trailhouse report`, from a checkout."""

import sys

from trailhouse.cli import main

main(["report", *sys.argv[1:]])
