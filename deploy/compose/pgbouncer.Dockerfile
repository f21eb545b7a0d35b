# PgBouncer as Debian has it: the version that the tests run.
FROM debian:12-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends "pgbouncer=1.18.*" \
    && rm -rf /var/lib/apt/lists/*
USER 10002:10002
EXPOSE 6432
# At once: servers have a new connection within a second. With SIGINT it would wait for all of them
# to leave, which they don't.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/6432"]
CMD ["pgbouncer", "/etc/pgbouncer/pgbouncer.ini"]
