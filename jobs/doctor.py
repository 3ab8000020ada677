"""`spark-submit jobs/doctor.py …`: the command `trailhouse doctor`, from a checkout."""

import sys

from trailhouse.cli import main

main(["doctor", *sys.argv[1:]])
