"""The contenders, each a program that is given an input and a folder to write to, and prints what it did as JSON."""
