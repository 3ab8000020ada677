"""
What a process has held.
"""

from __future__ import annotations

import resource


def most_held() -> int:
    """The most that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
