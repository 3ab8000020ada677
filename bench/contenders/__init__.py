"""
The contenders, each a program that is given a folder of log files and a folder to write to, and says what it did.
"""
