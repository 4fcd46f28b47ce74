"""Worker processes: one that dies is replaced; where none can start, the service stops and says why."""

from __future__ import annotations

import logging
import sys
from socket import socket
from time import monotonic

from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from service.logs import fault_of
from service.shared_metrics import forget_worker

_log = logging.getLogger(__name__)

TRIES = 3
"""So often in a row a worker may die before it serves, while no other serves; then the service stops."""

_LONGEST_PAUSE_S = 60.0
_LONGEST_START_S = 600.0
"""A worker that is not ready by then hangs. The index is loaded before, so this is generous."""


class CannotStart(RuntimeError):  # noqa: N818 - said to whoever runs the service
    """No worker can start; standard error has what they said."""


class Worker(Process):
    """One worker process: whether it has ever been ready, and how many before it in its place were not."""

    def __init__(self, config: Config, sockets: list[socket], failures: int) -> None:
        self.served = False
        self.failures = failures
        self._begun = monotonic()
        super().__init__(config, sockets)

    def target(self, sockets: list[socket] | None = None) -> None:
        """What the process does. A fault before it serves is said in its own words and ends it as a failed start."""
        try:
            super().target(sockets)
        except Exception as error:
            if self.server.started:
                raise
            print(f"The service cannot start: {error or type(error).__name__}", file=sys.stderr, flush=True)
            _log.error("A worker cannot start: %s", fault_of(error))
            sys.exit(STARTUP_FAILURE)

    def is_alive(self, timeout: float = 5) -> bool:
        """Whether the process is there and not hung: it answers, or has not had its time to start yet."""
        if self.served or not self.process.is_alive():
            return super().is_alive(timeout)
        while self.parent_conn.poll():  # what it answered to being asked before
            self.parent_conn.recv()
        self.served = self.is_ready(timeout=1)
        return self.served or monotonic() < self._begun + _LONGEST_START_S


class Workers(Multiprocess):
    """Keeps so many workers going as are set.

    One that served and died is replaced at once. One that died before it served is replaced after a pause that grows,
    while others serve; while none does, a failed start, or the third death in a row, ends the service.
    """

    processes: list[Worker]  # type: ignore[assignment]

    def __init__(self, config: Config, sockets: list[socket]) -> None:
        super().__init__(config, sockets)
        self._again: dict[Worker, float] = {}  # those that died and wait for their replacement
        self._problem: str | None = None

    def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises CannotStart."""
        super().run()
        if self._problem is not None:
            raise CannotStart(self._problem)

    def init_processes(self) -> None:
        self.processes = [self._started() for _ in range(self.processes_num)]

    def handle_ttin(self) -> None:
        self.processes_num += 1
        self.processes.append(self._started())

    def handle_hup(self) -> None:
        """Nothing: a new index is taken up without, and whatever else is new wants a new start."""

    def keep_subprocess_alive(self) -> None:
        for place, worker in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if worker not in self._again:
                if worker.is_alive(timeout=self.config.timeout_worker_healthcheck):
                    continue
                worker.kill()  # it may hang
                worker.join()
                if worker.pid is not None:
                    forget_worker(worker.pid)
                self._again[worker] = monotonic() + self._pause_after(worker)
            if self._problem is None and monotonic() >= self._again[worker]:
                del self._again[worker]
                self.processes[place] = self._started(0 if worker.served else worker.failures + 1)

    def _pause_after(self, dead: Worker) -> float:
        """For how many seconds its place stays empty. Stops the service where there is no hope."""
        _log.error("Worker %s has died (exit code %s)", dead.pid, dead.exitcode)
        if dead.served:
            return 0.0
        others = any(one.served and one.exitcode is None for one in self.processes)
        if not others and (dead.exitcode == STARTUP_FAILURE or dead.failures + 1 >= TRIES):
            self._problem = (
                f"No worker can start (exit code {dead.exitcode}); the reason stands above. Mend it, or try WORKERS=1, "
                "and start the service again."
            )
            self.should_exit.set()
        return float(min(2**dead.failures, _LONGEST_PAUSE_S))

    def _started(self, failures: int = 0) -> Worker:
        worker = Worker(self.config, self.sockets, failures)
        worker.start()
        return worker
