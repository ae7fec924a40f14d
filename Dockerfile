# One image for every command; the scheduler's (docker/scheduler/Dockerfile) stands on it. `make build` makes both.

FROM python:3.13-slim AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# The base image's pip works on an environment that has none of its own.
RUN python -m venv --without-pip /opt/venv
COPY requirements.txt /build/
# The secret `ca` is a corporate CA in PEM form, beside those that the image trusts; it stays out of every layer.
RUN --mount=type=secret,id=ca --mount=type=tmpfs,target=/build/ca \
    if [ -s /run/secrets/ca ]; then \
      cat /etc/ssl/certs/ca-certificates.crt /run/secrets/ca >/build/ca/all.pem && export PIP_CERT=/build/ca/all.pem; \
    fi && \
    python -m pip --python /opt/venv/bin/python install --quiet --only-binary :all: --require-hashes \
      --requirement /build/requirements.txt
COPY pyproject.toml README.md LICENSE NOTICE /build/
COPY src /build/src
RUN python -m pip --python /opt/venv/bin/python install --quiet --no-deps --no-build-isolation /build && \
    python -m pip --python /opt/venv/bin/python uninstall --quiet --yes flit_core

FROM python:3.13-slim
# No pip at run time. Byte code of the standard library, which the official image leaves out, is made now: nobody can
# write it later, and without it every command would begin by compiling.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.*/site-packages/pip* /usr/local/lib/python3.*/ensurepip && \
    python -m compileall -q "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=packages /opt/venv /opt/venv
COPY --chmod=755 docker/entrypoint.sh /usr/local/bin/strava-stats-entrypoint
COPY LICENSE NOTICE /app/
# Places to mount at. They belong to root: without a mount a run ends with "permission denied", not with lost data.
# A login shell (`sh -lc`) forgets the PATH of the image, and finds it again in profile.d.
RUN mkdir /app/data /app/secrets /app/logs /app/cron && \
    echo 'PATH=/opt/venv/bin:$PATH' >/etc/profile.d/strava-stats.sh
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STRAVA_STATS_HOME=/app
WORKDIR /app
# Any uid will do: nothing in the image is looked up in /etc/passwd or written to.
USER 1000:1000
# The first process of a container hears no SIGTERM that it does not ask for; Python asks for SIGINT.
STOPSIGNAL SIGINT
ENTRYPOINT ["strava-stats-entrypoint"]
HEALTHCHECK --interval=5m --timeout=10s CMD ["strava-stats", "--version"]
ARG BUILD=unknown
ENV STRAVA_STATS_IMAGE=$BUILD
LABEL org.opencontainers.image.title="strava-stats" \
      org.opencontainers.image.description="Your Strava history as Parquet and DuckDB, on your own machine" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version=$BUILD
