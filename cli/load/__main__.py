"""`python -m cli.load`: the load test by itself."""

from cli.load import app

if __name__ == "__main__":
    app()
