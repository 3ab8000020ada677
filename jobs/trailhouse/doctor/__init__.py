"""Doctor: whether trails, buckets, keys, roles, jobs and the lake are set as they should be; how to mend what isn't."""
