"""The lake: its tables, its catalog, its data files, and the Spark session."""
