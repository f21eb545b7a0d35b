"""`python -m cli`, which the launcher `boxoffice` runs."""

# Nothing here for the server's processes, which look in when they are started by `serve`.
if __name__ == "__main__":
    import sys

    from cli.interruption import end_at_once

    end_at_once()

    from cli.commands import main

    sys.exit(main())
