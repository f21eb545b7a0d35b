"""The one command: its socket, its processes, its database and its welcome."""
