"""API keys: made and revoked from the shell, kept as hashes in one JSON file, read again whenever that file changes.

A key is `faq_<id>_<secret>`; its secret is 256 random bits, which no dictionary helps to guess, so that a plain SHA-256
protects it at rest. The key itself is shown once, when it is made.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, get_args

_log = logging.getLogger(__name__)

Scope = Literal["ask", "feedback", "metrics", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

PREFIX = "faq_"
_KEY = re.compile(r"faq_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")


class KeysProblem(ValueError):  # noqa: N818 - said to whoever runs the service, as it is
    """A key file that cannot be read, or a key that is not there."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key: never the key. `expires` is None for a key that does not; both moments are UTC."""

    key_id: str
    name: str
    sha256: str
    scopes: tuple[Scope, ...]
    created: datetime
    expires: datetime | None = None
    requests_per_minute: int | None = None

    def valid(self, now: datetime) -> bool:
        return self.expires is None or now < self.expires


def _now() -> datetime:
    return datetime.now(UTC)


class KeyFile:
    """The keys of a file. Thread-safe for readers; writers in several processes wait for each other."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = _now) -> None:
        self._path = path
        self._clock = clock
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[str, ApiKey] = {}

    def load(self) -> dict[str, ApiKey]:
        """The keys by id, in the order they were made; none without a file. Raises KeysProblem."""
        try:
            if self._stamp_now() is None:
                return {}
            rows = json.loads(self._path.read_bytes())["keys"]
            return {row["key_id"]: _key(row) for row in rows}
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise KeysProblem(f"{self._path} is no file of API keys ({reason}). Restore it, or delete it.") from error

    def find(self, token: str) -> ApiKey | None:
        """The key that the token is, unless it is unknown, revoked or expired.

        A file that has become unreadable changes nothing: the keys read last stay, and the log says so.
        """
        try:
            stamp = self._stamp_now()
        except OSError as error:  # its folder may not be read any more
            _log.error("%s cannot be read (%s). Until then the keys read before are used.", self._path, error)
            stamp = self._stamp
        if stamp != self._stamp:
            try:
                self._keys = self.load()
            except KeysProblem as problem:
                _log.error("%s Until then the keys read before are used.", problem)
            self._stamp = stamp
        match = _KEY.fullmatch(token)
        key = self._keys.get(match[1]) if match else None
        if key is None or not hmac.compare_digest(key.sha256, _sha256(token)):
            return None
        return key if key.valid(self._clock()) else None

    def create(
        self,
        name: str,
        scopes: tuple[Scope, ...],
        expires_days: int | None = None,
        requests_per_minute: int | None = None,
    ) -> tuple[str, ApiKey]:
        """Make a key and keep its hash; the key itself is returned and nowhere else. Raises KeysProblem."""
        with self._changing() as keys:
            key_id = secrets.token_hex(4)
            while key_id in keys:
                key_id = secrets.token_hex(4)
            token = f"{PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
            created = self._clock().replace(microsecond=0)
            expires = None if expires_days is None else created + timedelta(days=expires_days)
            keys[key_id] = ApiKey(key_id, name, _sha256(token), scopes, created, expires, requests_per_minute)
        return token, keys[key_id]

    def revoke(self, key_id: str) -> ApiKey:
        """Forget a key; running services refuse it from the next request on. Raises KeysProblem."""
        with self._changing() as keys:
            if key_id not in keys:
                raise KeysProblem(f"There is no key {key_id!r}. `python -m service keys list` shows those there are.")
            return keys.pop(key_id)

    def _stamp_now(self) -> tuple[int, int, int] | None:
        """What changes whenever the file is replaced; None without a file."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    @contextmanager
    def _changing(self) -> Iterator[dict[str, ApiKey]]:
        """The keys, to be changed in place; written beside and renamed, for the owner's eyes only."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = self.load()
            yield keys
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".keys-")  # mode 0600
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    rows = [asdict(key) for key in keys.values()]
                    json.dump({"keys": rows}, file, default=datetime.isoformat, ensure_ascii=False, indent=2)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(name, self._path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _key(row: dict[str, object]) -> ApiKey:
    """Raises ValueError, KeyError or TypeError for what is no key."""
    scopes = row["scopes"]
    if not isinstance(scopes, list) or not set(scopes) <= set(SCOPES):
        raise ValueError(f"the scopes {scopes!r} are not among {', '.join(SCOPES)}")
    expires, rate = row["expires"], row["requests_per_minute"]
    return ApiKey(
        key_id=str(row["key_id"]),
        name=str(row["name"]),
        sha256=str(row["sha256"]),
        scopes=tuple(scopes),
        created=datetime.fromisoformat(str(row["created"])),
        expires=None if expires is None else datetime.fromisoformat(str(expires)),
        requests_per_minute=None if rate is None else int(str(rate)),
    )
