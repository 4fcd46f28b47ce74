"""Milvus: each version of an index is a collection, and an alias names the one to serve.

Milvus Lite (embedded; a file whose name ends in `.db`) for tests and small use, a standalone server or a cluster by
its address for large use. The package pymilvus is imported when a connection is made, never before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from index.errors import IndexBusy, IndexDamaged, IndexMismatch, IndexMissing, StoreUnavailable
from index.milvus_rows import FORMAT, LENGTHS, MANIFEST_ID, PARTITIONS, Row, read_stored

TIMEOUT_S = 10.0
MOST_HITS = 16_384
"""Milvus gives no more for one question or query."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,100}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version in Milvus. `complete` is false while it is being loaded, or when that was interrupted."""

    version: str
    current: bool
    complete: bool


class Milvus:
    """A connection to one Milvus, and the index called `name` in it. Thread-safe."""

    def __init__(
        self,
        uri: str,
        name: str = "faq",
        *,
        token: str | None = None,
        timeout_s: float = TIMEOUT_S,
        create: bool = False,
    ) -> None:
        """`uri` is `http://host:19530`, or a Milvus Lite file, made where `create`. Raises StoreUnavailable."""
        if not _NAME.fullmatch(name):
            raise StoreUnavailable(f"The index name {name!r} is not one that Milvus takes. Use letters, digits and _.")
        self.name = name
        self.uri = uri
        self.place = _place(uri)
        self._timeout_s = timeout_s
        if "://" not in uri and not uri.endswith(".db"):
            raise StoreUnavailable(f"{uri!r} is no Milvus. Use http://host:19530, or a file that ends in .db.")
        if "://" not in uri and not create and not Path(uri).exists():
            raise StoreUnavailable(f"There is no Milvus Lite file {uri}. Make it with `python -m index milvus load`.")
        try:
            from pymilvus import MilvusClient, MilvusException
        except ImportError as error:
            raise StoreUnavailable(
                f"Milvus at {self.place} needs a package that is not installed ({error}). "
                "Run `pip install -r requirements-milvus.lock`."
            ) from error
        self._fault: type[Exception] = MilvusException
        with self._told("connect"):
            # Milvus Lite's server takes pings every ten seconds, as the client sends them, for an attack.
            pings = {} if "://" in uri else {"grpc.keepalive_time_ms": 600_000}
            self.client: Any = MilvusClient(uri, token=token or "", timeout=timeout_s, grpc_options=pings)

    def close(self) -> None:
        self.client.close()

    def collection(self, version: str) -> str:
        return f"{self.name}_{version}"

    def versions(self) -> list[Loaded]:
        """The versions that are there, by name. Raises StoreUnavailable."""
        with self._told("list the collections"):
            names = sorted(self.client.list_collections(timeout=self._timeout_s))
        current = self._alias()
        prefix = f"{self.name}_"
        own = [name.removeprefix(prefix) for name in names if re.fullmatch(rf"{prefix}[0-9a-f]{{16}}", name)]
        return [Loaded(version, version == current, self.stored(version) is not None) for version in own]

    def current(self) -> str:
        """The version that the alias names. Raises IndexMissing or StoreUnavailable."""
        version = self._alias()
        if version is None:
            raise IndexMissing(
                f"Milvus at {self.place} has no alias {self.name!r}. Load an index with `python -m index milvus load` "
                "and name it with `python -m index milvus activate`."
            )
        return version

    def stored(self, version: str) -> dict[str, Any] | None:
        """What was written about a version when it was complete; None before. Raises IndexMissing."""
        self.require(version)
        found = self.query(version, "state", f"id == {MANIFEST_ID}", ["tokens"])
        return read_stored(found[0]["tokens"]) if found else None

    def require(self, version: str) -> None:
        """Raises IndexMissing when there is no such version."""
        with self._told("look for a collection"):
            there = self.client.has_collection(self.collection(version), timeout=self._timeout_s)
        if not there:
            raise IndexMissing(
                f"Milvus at {self.place} has no collection {self.collection(version)!r}. "
                "Load it with `python -m index milvus load`."
            )

    def check(self, version: str) -> dict[str, Any]:
        """What is stored about a version, after making sure that all of its rows are there.

        Raises IndexMissing, IndexDamaged, IndexMismatch or StoreUnavailable.
        """
        stored, again = self.stored(version), "Load it again with `python -m index milvus load`."
        if stored is None:
            raise IndexDamaged(f"The collection {self.collection(version)!r} was not loaded to its end. {again}")
        if stored["format"] != FORMAT:
            raise IndexMismatch(
                f"The collection {self.collection(version)!r} has format {stored['format']!r}, not {FORMAT!r}. {again}"
            )
        if (named := stored["manifest"]["version"]) != version:
            raise IndexMismatch(f"The collection {self.collection(version)!r} holds version {named!r}. {again}")
        with self._told("count the rows"):
            self.client.load_collection(self.collection(version), timeout=self._timeout_s * 6)
            counted = self.client.query(
                self.collection(version),
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=self._timeout_s,
            )
        if (rows := int(counted[0]["count(*)"])) != stored["rows"]:
            raise IndexDamaged(
                f"The collection {self.collection(version)!r} has {rows} rows, not {stored['rows']}. {again}"
            )
        return stored

    def activate(self, version: str) -> None:
        """Make the alias name this version, in one step, after checking it. Raises as `check`."""
        self.check(version)
        known = self._alias() is not None
        with self._told("set the alias"):
            change = self.client.alter_alias if known else self.client.create_alias
            change(collection_name=self.collection(version), alias=self.name, timeout=self._timeout_s)

    def drop(self, version: str) -> None:
        """Delete a version that the alias does not name. Raises IndexMissing, IndexBusy or StoreUnavailable."""
        self.require(version)
        if self._alias() == version:
            raise IndexBusy(f"Version {version} answers. Activate another one before it is dropped.")
        with self._told("drop a collection"):
            self.client.drop_collection(self.collection(version), timeout=self._timeout_s)

    def create(self, version: str, dimension: int) -> None:
        """An empty collection for a version, with its fields, indexes and partitions. Raises StoreUnavailable."""
        from pymilvus import DataType

        schema = self.client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("entry", DataType.INT64)
        for field, length in LENGTHS.items():
            schema.add_field(field, DataType.VARCHAR, max_length=length)
        schema.add_field(
            "tokens", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=64, max_length=LENGTHS["body"]
        )
        schema.add_field("dense", DataType.FLOAT_VECTOR, dim=dimension)
        schema.add_field("terms", DataType.SPARSE_FLOAT_VECTOR)
        indexes = self.client.prepare_index_params()
        # Milvus Lite is for so few rows that all are compared; a server chooses by their number.
        indexes.add_index("dense", index_type="AUTOINDEX" if "://" in self.uri else "FLAT", metric_type="IP")
        indexes.add_index("terms", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
        for field in ("entry", "doc_id", "language", "name", "reference"):
            indexes.add_index(field, index_type="INVERTED")
        with self._told("create a collection"):
            name = self.collection(version)
            self.client.create_collection(name, schema=schema, consistency_level="Bounded", timeout=self._timeout_s * 6)
            self.client.create_index(name, indexes, sync=False, timeout=self._timeout_s)  # `flush` waits for them
            for partition in PARTITIONS:
                self.client.create_partition(name, partition, timeout=self._timeout_s)

    def insert(self, version: str, partition: str, rows: Sequence[Row]) -> None:
        """Raises StoreUnavailable."""
        with self._told("insert rows"):
            self.client.insert(
                self.collection(version), list(rows), partition_name=partition, timeout=self._timeout_s * 6
            )

    def flush(self, version: str) -> None:
        """Everything inserted is written and can be searched. Raises StoreUnavailable."""
        with self._told("flush a collection"):
            self.client.flush(self.collection(version), timeout=self._timeout_s * 60)
            self.client.load_collection(self.collection(version), timeout=self._timeout_s * 60)

    def search(
        self,
        version: str,
        partition: str,
        field: str,
        vectors: Sequence[Any],
        limit: int,
        fields: Sequence[str] = (),
        where: str = "",
    ) -> list[list[dict[str, Any]]]:
        """For each vector its hits, best first: `id`, `distance` (the inner product) and `entity`, with the fields.

        Raises StoreUnavailable.
        """
        with self._told("search"):
            found = self.client.search(
                self.collection(version),
                data=list(vectors),
                anns_field=field,
                filter=where,
                limit=limit,
                output_fields=list(fields),
                search_params={"metric_type": "IP"},
                partition_names=[partition],
                timeout=self._timeout_s,
            )
        return [list(hits) for hits in found]

    def query(self, version: str, partition: str | None, where: str, fields: Sequence[str]) -> list[dict[str, Any]]:
        """The rows for which `where` holds, at most MOST_HITS, in no order. Raises StoreUnavailable."""
        with self._told("query"):
            return list(
                self.client.query(
                    self.collection(version),
                    filter=where,
                    output_fields=list(fields),
                    partition_names=None if partition is None else [partition],
                    limit=MOST_HITS,
                    timeout=self._timeout_s,
                )
            )

    def _alias(self) -> str | None:
        with self._told("list the aliases"):
            known = self.client.list_aliases(timeout=self._timeout_s)["aliases"]
            if self.name not in known:
                return None
            named = self.client.describe_alias(self.name, timeout=self._timeout_s)["collection_name"]
        return str(named).removeprefix(f"{self.name}_")

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except self._fault as error:
            reason = " ".join(str(getattr(error, "message", error)).split())[:300]
            raise StoreUnavailable(
                f"Milvus at {self.place} could not {doing} ({reason}). "
                "Check that it runs, that its address and token are right, and try again."
            ) from error


def _place(uri: str) -> str:
    """The address as it may be told: without a password."""
    parts = urlsplit(uri)
    if not parts.hostname:
        return uri
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
