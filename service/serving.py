"""Serving over HTTP: one process, or several workers that share the port, the memory-mapped index and the metrics."""

from __future__ import annotations

import math
import sys
from contextlib import suppress
from functools import partial
from typing import Any, cast

from uvicorn import Config, Server
from uvicorn.config import STARTUP_FAILURE

from service.connections import TimedConnection
from service.logs import configure_logging
from service.settings import Settings
from service.shared_metrics import metrics_shared
from service.workers import Workers

_ANSWERS_ITS_SUPERVISOR_S = 15
"""A worker that does not within this time hangs, and is replaced; a machine under load is slow, but not so slow."""


def serve(settings: Settings, application: str = "service.app:configured_app") -> None:
    """Serve until SIGTERM or SIGINT; requests in flight then get their time to end. Each worker process makes the
    application that `application` names, from the environment. Raises what making it raises; with several workers
    CannotStart."""
    configure_logging(settings)
    connection = partial(TimedConnection, headers_timeout_s=settings.request_timeout_ms / 1000)
    config = Config(
        application,
        factory=True,
        workers=settings.workers,
        host=settings.host,
        port=settings.port,
        http=cast(Any, connection),
        timeout_graceful_shutdown=math.ceil(settings.shutdown_timeout_ms / 1000),
        timeout_worker_healthcheck=_ANSWERS_ITS_SUPERVISOR_S,
        server_header=False,
        proxy_headers=False,  # uvicorn would believe every proxy on this machine; TRUSTED_PROXIES says which are
        log_config=None,  # ours is set, and writes no question
        access_log=False,
        ws="none",  # we have no web sockets; uvicorn would log their addresses
    )
    with suppress(KeyboardInterrupt):
        if settings.workers > 1:
            with metrics_shared():
                Workers(config, [config.bind_socket()]).run()
            return
        server = Server(config)
        server.run()
        if not server.started:
            sys.exit(STARTUP_FAILURE)
