"""`spark-submit jobs/settle.py …`: the command `trailhouse settle`, from a checkout."""

import sys

from trailhouse.cli import main

main(["settle", *sys.argv[1:]])
