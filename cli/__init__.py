"""The command line, `boxoffice`."""
