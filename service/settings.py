"""Settings, read from the environment and an optional `.env` file; names carry their unit."""

from __future__ import annotations

import ipaddress
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_HERE = Path(__file__).parent
_ROOT = _HERE.parent


class Settings(BaseSettings):
    """Each field is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(env_file=".env", extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address that the service listens on")
    port: int = Field(8000, ge=0, le=65535, description="Port that the service listens on")
    corpus_dir: Path = Field(_ROOT / "corpus", description="Folder with the documents and question banks")
    index_dir: Path = Field(_ROOT / "index" / "snapshots", description="Folder with the index snapshots")
    model_dir: Path = Field(_ROOT / "index" / "models", description="Folder where the default encoder is generated")
    encoder: str = Field(
        "default",
        description="`default`, or a sentence-transformers model by hub id or local folder (needs `make models`)",
    )
    encoder_query_prompt: str | None = Field(None, description="Query prompt of that model; its own when not set")
    encoder_passage_prompt: str | None = Field(None, description="Passage prompt of that model; its own when not set")
    cross_encoder: str | None = Field(
        None,
        min_length=1,
        description="Cross-encoder from sentence-transformers, by hub id or local folder, that reads the first entries "
        "once more (needs `make models`); `python -m eval cross-encoder` tells what it is worth",
    )
    cross_encoder_entries: int = Field(10, ge=2, le=40, description="Entries that it reads for a question")
    cross_encoder_weight: float = Field(0.1, ge=0, description="Weight of its scores (log-odds) beside the fused score")
    language_detector: Literal["py3langid", "langdetect"] = Field(
        "py3langid", description="Which library detects the question's language"
    )
    build_threads: int = Field(2, ge=1, le=64, description="Threads that encode while an index is built")
    snapshots_kept: int = Field(2, ge=0, description="Old index snapshots kept beside the current one")
    index_poll_ms: int = Field(
        1000, ge=0, description="How often the service looks for a new index snapshot, in milliseconds; 0 never does"
    )
    milvus_uri: str | None = Field(
        None,
        min_length=1,
        description="Milvus that the index is kept in: `http://host:19530`, or a Milvus Lite file ending in `.db` "
        "(one process); INDEX_DIR when not set",
    )
    milvus_index: str = Field(
        "faq",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,100}$",
        description="Name of the index in Milvus: the alias that names the version to serve",
    )
    milvus_token: SecretStr | None = Field(None, description="Token for Milvus, `user:password`, where it wants one")
    milvus_timeout_ms: int = Field(
        3000, ge=1, description="Longest wait for one request to Milvus, in milliseconds; then the question gets 503"
    )
    smoke_file: Path = Field(
        _HERE / "data" / "smoke.jsonl",
        description="Questions with known entries, as JSON lines, that a snapshot is asked before it is served",
    )
    smoke_floor: float = Field(
        0.85, ge=0, le=1, description="Least share of those questions whose entry must come first; less is refused"
    )
    mailbox: str = Field(
        "EU-AIOFFICE-CODE-SIGNATURES@ec.europa.eu", description="Where people are sent with what is not answered"
    )
    max_question_chars: int = Field(2000, ge=1, description="Longest question accepted, in characters")
    max_body_bytes: int = Field(65536, ge=1024, description="Largest request body accepted, in bytes")
    max_chat_body_bytes: int = Field(
        1_048_576, ge=1024, description="Largest chat request accepted, in bytes: clients send the whole conversation"
    )
    answer_cache_entries: int = Field(4096, ge=0, description="Answers kept for repeated questions; 0 keeps none")
    concurrent_questions: int = Field(4, ge=1, description="Questions worked on at the same time in one process")
    queued_questions: int = Field(64, ge=0, description="Questions that may wait beyond those; more get 503")
    workers: int = Field(1, ge=1, le=64, description="Worker processes that serve; they share the memory-mapped index")
    request_timeout_ms: int = Field(
        30000,
        ge=1,
        description="Longest time that the headers of a request may take, and then the body and the beginning of the "
        "response together, in milliseconds",
    )
    shutdown_timeout_ms: int = Field(
        30000, ge=1, description="Longest time that requests in flight get to end at shutdown, in milliseconds"
    )
    cors_origins: list[str] = Field(
        [], description="Origins of other sites whose pages may call the service (the widget), as a JSON list"
    )
    api_keys_file: Path = Field(
        _ROOT / "state" / "keys.json", description="File with the hashes of the API keys; none are known without it"
    )
    anonymous_scopes: list[Literal["ask", "feedback", "metrics"]] = Field(
        ["ask", "feedback", "metrics"],
        description="What is allowed without an API key, as a JSON list; `[]` asks for a key everywhere",
    )
    address_requests_per_minute: int = Field(
        300, ge=0, description="Requests a minute from one address without a key (not this machine's own); 0: no limit"
    )
    key_requests_per_minute: int = Field(
        1200, ge=0, description="Requests a minute with one API key that has no limit of its own; 0: no limit"
    )
    trusted_proxies: list[str] = Field(
        [],
        description="Addresses or networks, as a JSON list, of proxies whose X-Forwarded-For and -Proto are believed",
    )
    question_log_file: Path | None = Field(
        None,
        description="File that questions are kept in, personal data masked, for the helpdesk; none are kept without",
    )
    question_retention_days: int = Field(
        30, ge=1, description="Longest time that a question is kept, in days; it is deleted after it"
    )
    log_format: Literal["text", "json"] = Field("text", description="Form of the log's lines")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged")
    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="Base address of an OpenTelemetry collector (OTLP over HTTP); no traces without",
    )
    timeout_ms: int = Field(10000, ge=1, description="Longest time for one question, in milliseconds")
    chat_model: str = Field("gpai-faq", min_length=1, description="Name of the model at the chat endpoint")
    max_chat_messages: int = Field(200, ge=1, description="Most messages accepted in one conversation")
    mcp_hosts: list[str] = Field(
        [],
        description="Host names, as a JSON list, that `/mcp` answers to beside loopback ones while HOST is loopback "
        "(a proxy's public name); `*` answers to all",
    )
    writer_url: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="Base address of an OpenAI-compatible model server (ending in `/v1`) that writes a checked summary "
        "above the quotes; it is sent the question and the passages. None: no summaries",
    )
    writer_model: str = Field("default", min_length=1, description="Name of the model at that server")
    writer_key: SecretStr | None = Field(None, description="Key for that server, where it wants one")
    writer_timeout_ms: int = Field(
        4000, ge=1, description="Longest wait for a summary, in milliseconds; then the answer stands without one"
    )
    slack_signing_secret: SecretStr | None = Field(
        None, description="Signing secret of the Slack app; without one the Slack endpoint answers 404"
    )
    slack_bot_token: SecretStr | None = Field(
        None, description="Bot token that replies to Slack events are posted with; slash commands need none"
    )
    slack_post_url: str = Field(
        "https://slack.com/api/chat.postMessage", description="Address that replies to Slack events are posted to"
    )
    teams_hmac_secret: SecretStr | None = Field(
        None, description="Security token of the Teams outgoing webhook; without one the Teams endpoint answers 404"
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, given: list[str]) -> list[str]:
        for proxy in given:
            try:
                ipaddress.ip_network(proxy)
            except ValueError as error:
                raise ValueError(f"{error}. Use addresses or networks such as 10.0.0.0/8.") from error
        return given


@cache
def settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
