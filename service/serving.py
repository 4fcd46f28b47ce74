"""Serving over HTTP: one process, or several workers that share the port and the memory-mapped index."""

from __future__ import annotations

import math

import uvicorn

from service.logs import configure_logging
from service.settings import Settings


def serve(settings: Settings, application: str = "service.app:configured_app") -> None:
    """Serve until SIGTERM or SIGINT; requests in flight then get their time to end. Each worker process makes the
    application that `application` names, from the environment."""
    configure_logging(settings)
    uvicorn.run(
        application,
        factory=True,
        workers=settings.workers,
        host=settings.host,
        port=settings.port,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_timeout_ms / 1000),
        server_header=False,
        proxy_headers=False,  # uvicorn would believe every proxy on this machine; TRUSTED_PROXIES says which are
        log_config=None,  # ours is set, and writes no question
        access_log=False,
        ws="none",  # we have no web sockets; uvicorn would log their addresses
    )
