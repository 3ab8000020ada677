"""
Stands before the native kernel on the path of programs that are to do without it, as after `make setup`.
"""

raise ImportError("left out, to measure what is done without it")
