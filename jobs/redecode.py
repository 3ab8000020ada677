"""`spark-submit jobs/redecode.py …`: the command `trailhouse redecode`, from a checkout."""

import sys

from trailhouse.cli import main

main(["redecode", *sys.argv[1:]])
