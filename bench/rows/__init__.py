"""The rows of the table, a file for those that are measured alike."""
