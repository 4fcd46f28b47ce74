"""Slack: slash commands and events at `POST /v1/channels/slack`, answered in Block Kit.

Sources: https://docs.slack.dev/authentication/verifying-requests-from-slack,
https://docs.slack.dev/interactivity/implementing-slash-commands, https://docs.slack.dev/apis/events-api,
https://docs.slack.dev/reference/block-kit/blocks.

A slash command is answered by the response. Slack ignores the response to an event, so the reply is posted with the bot
token where one is set; the response carries the same message in any case. Quotes stand in rich text, where nothing is
markup, so that they are shown to the character. What was used up is remembered in the process: behind several
processes, let a balancer keep Slack on one.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import logging
import re
import time
import urllib.request
from collections.abc import Callable
from urllib.parse import parse_qs

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, BackgroundTasks, Request
from fastapi.responses import JSONResponse

from service.channels.payload import Json, read_object, word
from service.channels.rendering import Reply, Source, escape_mrkdwn, link_target, mrkdwn, mrkdwn_source, reply
from service.channels.replays import Replays
from service.desk import desk_of
from service.pipeline import Ask
from service.problems import PROBLEM_RESPONSES, Refusal, problem_responses
from service.schemas import AnswerResponse
from service.settings import Settings
from service.texts import texts

_log = logging.getLogger(__name__)

WINDOW_SECONDS = 300
"""How old a request may be, as Slack recommends."""

_ANSWER_SECONDS = 2.5  # Slack waits three
_EVENT_SECONDS = 6 * 3600  # Slack tries again for some time; nobody repeats an event after that
_SECTION_CHARS = 3000  # Slack's limit on the text of a section


def slack_router(settings: Settings, clock: Callable[[], float] = time.time) -> APIRouter:
    """The endpoint. `clock` gives seconds since 1970, as Slack's timestamps do."""
    router = APIRouter(responses=PROBLEM_RESPONSES | problem_responses(401), tags=["channels"])
    signatures = Replays(2 * WINDOW_SECONDS)
    events = Replays(_EVENT_SECONDS)

    @router.post("/v1/channels/slack", summary="Slash commands and events from Slack", response_model=None)
    async def slack(request: Request, later: BackgroundTasks) -> JSONResponse | Json:
        body = await request.body()
        first = signatures.first(_verified(request, body, settings, clock()))
        # Slack may send an event again as it was; an event is known by its id, and answered once.
        if not first and "x-slack-retry-num" not in request.headers:
            raise Refusal(401, "This signature was used before. Sign each request anew.")
        if request.headers.get("content-type", "").startswith("application/json"):
            payload = read_object(body, "an event of the Events API")
            if payload.get("type") == "url_verification":
                return {"challenge": word(payload.get("challenge"))}
            return await _on_event(request, payload, events, later)
        if not first:
            raise Refusal(401, "This signature was used before. Slash commands are not sent again.")
        return await _on_command(request, body)

    return router


def _verified(request: Request, body: bytes, settings: Settings, now: float) -> str:
    """The signature, after checking it over the raw body. Raises Refusal: 404 when Slack is not set up, else 401."""
    secret = settings.slack_signing_secret
    if secret is None or not secret.get_secret_value():
        raise Refusal(404, "Slack is not set up. Set SLACK_SIGNING_SECRET to the app's signing secret.")
    sent = request.headers.get("x-slack-request-timestamp", "")
    signature = request.headers.get("x-slack-signature", "")
    if not sent.isascii() or not sent.isdigit() or abs(now - int(sent[:20])) > WINDOW_SECONDS:
        found = f"X-Slack-Request-Timestamp is {sent[:20]!r}"
        raise Refusal(401, f"{found}, not within {WINDOW_SECONDS} seconds of now. Set the clocks and sign again.")
    signed = b"v0:" + sent.encode() + b":" + body
    expected = "v0=" + hmac.new(secret.get_secret_value().encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        raise Refusal(401, "X-Slack-Signature does not fit the body. Check SLACK_SIGNING_SECRET.")
    return signature


async def _on_command(request: Request, body: bytes) -> JSONResponse | Json:
    """Answer a slash command, to the asker alone."""
    form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    if form.get("ssl_check") == ["1"]:
        return {}
    if "command" not in form:
        raise Refusal(400, "The form has no command. Send a slash command, or an event as JSON.")
    question = plain_question(form.get("text", [""])[0])
    told = texts("en")["page"]
    if not question:
        return {"response_type": "ephemeral", "text": f"{told['error_empty']} {told['placeholder']}"}
    try:
        answer = await _answer(request, question)
    except Refusal as error:
        # Slack shows no problem+json, only that something failed: what can be mended is said in words.
        return {"response_type": "ephemeral", "text": escape_mrkdwn(_refused(error, request.app.state.settings))}
    return {"response_type": "ephemeral", **message(answer)}


async def _on_event(request: Request, payload: Json, events: Replays, later: BackgroundTasks) -> JSONResponse | Json:
    """Answer a mention or a message once, in its thread; anything else is taken note of."""
    event = payload.get("event")
    if payload.get("type") != "event_callback" or not isinstance(event, dict):
        raise Refusal(400, f"A payload of type {word(payload.get('type'))!r} is not known. Subscribe to events only.")
    settings: Settings = request.app.state.settings
    # A mention in a channel comes twice, as app_mention and as message: the message's place is what they share.
    place = [word(part) for part in (payload.get("team_id"), event.get("channel"), event.get("ts"))]
    keys = [f"event {word(payload.get('event_id'))}", f"message {' '.join(place)}"]
    fresh = [events.first(key) for key in keys]
    if not all(fresh):
        return JSONResponse({}, headers={"X-Slack-No-Retry": "1"})
    question = plain_question(word(event.get("text")))
    if not _asked_by_a_person(event, payload) or not question:
        return {}
    try:
        answer = await _answer(request, question)
    except Refusal as error:
        if error.status >= 500:
            for key in keys:  # not answered, so that Slack's next try is welcome
                events.forget(key)
            raise
        said: Json = {"text": escape_mrkdwn(_refused(error, settings))}
    else:
        if answer.outcome != "answered" and not _spoken_to(event, payload):
            return {}
        said = message(answer)
    posted = {"channel": word(event.get("channel")), **said}
    if thread := word(event.get("thread_ts") or (None if event.get("channel_type") == "im" else event.get("ts"))):
        posted["thread_ts"] = thread
    token = settings.slack_bot_token
    if token is not None and token.get_secret_value():
        later.add_task(_post, settings.slack_post_url, token.get_secret_value(), posted)
        return JSONResponse(posted, background=later)
    return posted


def _own_ids(payload: Json) -> list[str]:
    """The user ids under which the workspace knows this app."""
    authorizations = payload.get("authorizations")
    found = authorizations if isinstance(authorizations, list) else []
    return [name for one in found if isinstance(one, dict) and (name := word(one.get("user_id")))]


def _asked_by_a_person(event: Json, payload: Json) -> bool:
    """Whether it is a person's new message: not a bot's (our own among them), not an edit, not a deletion."""
    return (
        event.get("type") in ("app_mention", "message")
        and not event.get("bot_id")
        and event.get("user") not in _own_ids(payload)
        and event.get("subtype") in (None, "thread_broadcast", "file_share")
    )


def _spoken_to(event: Json, payload: Json) -> bool:
    """Whether the message was meant for us: elsewhere we speak only when we have an answer."""
    if event["type"] == "app_mention" or event.get("channel_type") in (None, "im"):
        return True
    return any(f"<@{own}>" in word(event.get("text")) for own in _own_ids(payload))


async def _answer(request: Request, question: str) -> AnswerResponse:
    """The answer within the time that Slack waits. Raises Refusal (422, 503)."""
    desk = desk_of(request.app)
    with anyio.move_on_after(_ANSWER_SECONDS):
        return desk.out(await desk.answer(Ask(question)))
    raise Refusal(503, "The answer took too long for Slack. Try again in a few seconds.", headers={"Retry-After": "5"})


def _refused(error: Refusal, settings: Settings) -> str:
    told = texts("en")["page"]
    if error.status == 422:
        return told["error_long"].format(max=settings.max_question_chars)
    return told["error_busy"].format(seconds=(error.headers or {}).get("Retry-After", "5"))


_MENTION = re.compile(r"<[@!][^>]*>")
_REFERENCE = re.compile(r"<([^>|]*)(?:\|([^>]*))?>")


def plain_question(text: str) -> str:
    """What was typed, of a text in Slack's markup: mentions left out, links and channels by their names."""
    bare = _MENTION.sub(" ", text)
    named = _REFERENCE.sub(lambda match: match[2] or match[1], bare)
    return " ".join(html.unescape(named).split())


def message(answer: AnswerResponse) -> Json:
    """The answer as `text` (for notifications and screen readers) and `blocks`."""
    said = reply(answer)
    return {"text": mrkdwn(said), "blocks": blocks(said), "unfurl_links": False, "unfurl_media": False}


def blocks(said: Reply) -> list[Json]:
    """Block Kit: the message, each quote with its number as a link, the sources."""
    made: list[Json] = []
    if said.message:
        made.append(_section(escape_mrkdwn(said.message)))
    if said.quoted_heading:
        made.append(_section(f"*{escape_mrkdwn(said.quoted_heading)}*"))
    for source in said.quoted:
        made.append({"type": "rich_text", "elements": _quote(source)})
        if source.notes:
            notes = [{"type": "plain_text", "text": note} for note in source.notes]
            made.append({"type": "context", "elements": notes[:10]})
    for heading, sources in ((said.sources_heading, said.quoted), (said.further_heading, said.further)):
        if sources:
            made.append(_section(f"*{escape_mrkdwn(heading)}*"))
            made += [_section(mrkdwn_source(source)) for source in sources]
    return made


def _quote(source: Source) -> list[Json]:
    link = {"type": "link", "url": link_target(source.url), "text": f"[{source.number}]"}
    elements: list[Json] = [
        {"type": "rich_text_quote", "elements": [_run(source.quote), _run(" "), link]},
        {"type": "rich_text_section", "elements": [_run(source.authority, italic=True)]},
    ]
    if source.original is not None:
        elements.append({"type": "rich_text_section", "elements": [_run(source.original_label, italic=True)]})
        elements.append({"type": "rich_text_quote", "elements": [_run(source.original)]})
    return elements


def _run(text: str, *, italic: bool = False) -> Json:
    return {"type": "text", "text": text, "style": {"italic": True}} if italic else {"type": "text", "text": text}


def _section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:_SECTION_CHARS]}}


async def _post(url: str, token: str, posted: Json) -> None:
    """Post a reply as the bot. What fails is logged by its name; Slack tells nobody else."""

    def send() -> Json:
        request = urllib.request.Request(  # noqa: S310 - the address is a setting
            url,
            json.dumps(posted).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            result: Json = json.load(response)
            return result

    try:
        result = await run_sync(send)
    except (OSError, ValueError) as error:
        _log.warning("A reply could not be posted to Slack: %s", type(error).__name__)
        return
    if not result.get("ok"):
        remedy = "Check SLACK_BOT_TOKEN and its scope chat:write."
        _log.warning("Slack did not take a reply: %s. %s", result.get("error"), remedy)
