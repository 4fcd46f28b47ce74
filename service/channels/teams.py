"""Microsoft Teams: an outgoing webhook at `POST /v1/channels/teams`, answered with an Adaptive Card.

Sources: https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-outgoing-webhook,
https://adaptivecards.io/explorer/RichTextBlock.html.

Quotes stand in rich text blocks, where nothing is markup, so that they are shown to the character. Activities that
were answered are remembered in the process: behind several processes, let a balancer keep Teams on one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html
import re

import anyio
from fastapi import APIRouter, Request

from service.channels.payload import Json, read_object, word
from service.channels.rendering import Reply, Source, link_target, reply
from service.channels.replays import Replays
from service.desk import desk_of
from service.pipeline import Ask
from service.problems import PROBLEM_RESPONSES, Refusal, problem_responses
from service.schemas import AnswerResponse
from service.settings import Settings
from service.texts import texts

_ANSWER_SECONDS = 4.5  # Teams waits five
_REPLAY_SECONDS = 7 * 24 * 3600


class SecretUnusable(ValueError):  # noqa: N818 - said to whoever runs the service
    """The secret of the settings is none; says which, and what to do."""


def teams_router(settings: Settings) -> APIRouter:
    """The endpoint. Raises SecretUnusable when the secret of the settings is not base64, as Teams gives it."""
    router = APIRouter(responses=PROBLEM_RESPONSES | problem_responses(401, 409), tags=["channels"])
    key = _key(settings)
    activities = Replays(_REPLAY_SECONDS)

    @router.post("/v1/channels/teams", summary="Messages from a Teams outgoing webhook", response_model=None)
    async def teams(request: Request) -> Json:
        if key is None:
            raise Refusal(404, "Teams is not set up. Set TEAMS_HMAC_SECRET to the webhook's security token.")
        body = await request.body()
        _verify(request.headers.get("authorization", ""), body, key)
        activity = _activity(body)
        identity = _identity(activity)
        if not activities.first(identity):
            raise Refusal(409, f"The activity {activity['id']!r} was answered before. Send a new one.", "id")
        return await _on_activity(request, activity)

    return router


def _key(settings: Settings) -> bytes | None:
    """The secret as bytes; None when Teams is not set up."""
    secret = settings.teams_hmac_secret
    if secret is None or not secret.get_secret_value():
        return None
    try:
        key = base64.b64decode(secret.get_secret_value(), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise SecretUnusable(
            "TEAMS_HMAC_SECRET is not base64. Copy the security token that Teams showed for the webhook."
        )
    return key


def _verify(authorization: str, body: bytes, key: bytes) -> None:
    """Raises Refusal (401) unless the header is `HMAC` and the base64 HMAC-SHA256 of the raw body."""
    scheme, _, sent = authorization.partition(" ")
    expected = base64.b64encode(hmac.new(key, body, hashlib.sha256).digest())
    if scheme.upper() != "HMAC" or not hmac.compare_digest(expected, sent.strip().encode("utf-8", "replace")):
        raise Refusal(401, "Authorization does not fit the body. Check TEAMS_HMAC_SECRET.")


def _activity(body: bytes) -> Json:
    """The message sent. Raises Refusal (400) for what is none."""
    activity = read_object(body, "a message activity")
    if activity.get("type") != "message":
        raise Refusal(400, "The body is no message. Send an activity of type 'message'.")
    if not isinstance(activity.get("id"), str) or not activity["id"]:
        raise Refusal(400, "The activity has no id. Send one, a new one each time.", "id")
    return activity


def _identity(activity: Json) -> str:
    """Ids are unique within a conversation."""
    conversation = activity.get("conversation")
    place = word(conversation.get("id")) if isinstance(conversation, dict) else ""
    return f"{place} {activity['id']}"


async def _on_activity(request: Request, activity: Json) -> Json:
    told = texts(_locale(activity))["page"]
    question = plain_question(word(activity.get("text")))
    if not question:
        return _text(f"{told['error_empty']} {told['placeholder']}")
    try:
        desk = desk_of(request.app)
        with anyio.move_on_after(_ANSWER_SECONDS):
            return message(desk.out(await desk.answer(Ask(question))))
    except Refusal as error:
        # Teams shows no problem+json, only that something failed: what can be mended is said in words.
        if error.status == 422:
            return _text(told["error_long"].format(max=desk.settings.max_question_chars))
        return _text(told["error_busy"].format(seconds=(error.headers or {}).get("Retry-After", "5")))
    return _text(told["error_busy"].format(seconds=5))


_MENTION = re.compile(r"<at\b[^>]*>.*?</at>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"</?(?:a|b|br|div|em|i|p|span|strong|u)\b[^>]*>", re.IGNORECASE)


def plain_question(text: str) -> str:
    """What was typed, of an activity's text: the mention of the webhook and the markup around it left out."""
    return " ".join(html.unescape(_TAG.sub(" ", _MENTION.sub(" ", text))).split())


def _locale(activity: Json) -> str:
    """The asker's language as their client says it, for when there is no question to tell it from."""
    entities = activity.get("entities")
    others = entities if isinstance(entities, list) else []
    found = [activity.get("locale"), *(one.get("locale") for one in others if isinstance(one, dict))]
    return next((told[:2].lower() for locale in found if (told := word(locale))), "en")


def _text(text: str) -> Json:
    return {"type": "message", "textFormat": "plain", "text": text}


def message(answer: AnswerResponse) -> Json:
    """The answer as a message with one Adaptive Card, and its first words for notifications.

    Teams takes 28 KB; the text is therefore not given a second time as a fallback.
    """
    said = reply(answer)
    summary = said.message or next((source.quote for source in said.quoted), "")
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "lang": answer.language.code,
        "body": _body(said),
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "summary": summary, "attachments": [attachment]}


def _body(said: Reply) -> list[Json]:
    made: list[Json] = []
    if said.message:
        made.append(_block(_run(said.message)))
    if said.quoted_heading:
        made.append(_block(_run(said.quoted_heading, weight="Bolder")))
    for source in said.quoted:
        items = [_block(_run(source.quote), _run(" "), _number(source))]
        items.append(_block(_run(source.authority, isSubtle=True, size="Small")))
        if source.original is not None:
            items.append(_block(_run(source.original_label, isSubtle=True, size="Small")))
            items.append(_block(_run(source.original, italic=True)))
        items += [_block(_run(note, isSubtle=True, size="Small")) for note in source.notes]
        made.append({"type": "Container", "style": "emphasis", "items": items})
    for heading, sources in ((said.sources_heading, said.quoted), (said.further_heading, said.further)):
        if sources:
            made.append(_block(_run(heading, weight="Bolder")))
            made += [
                _block(_number(source), _run(f" {source.title} · {source.source_authority}")) for source in sources
            ]
    return made


def _block(*inlines: Json) -> Json:
    return {"type": "RichTextBlock", "inlines": list(inlines)}


def _run(text: str, **style: object) -> Json:
    return {"type": "TextRun", "text": text, **style}


def _number(source: Source) -> Json:
    """`[1]` as a link; outgoing webhooks know no other action than opening an address."""
    action = {"type": "Action.OpenUrl", "url": link_target(source.url)}
    return _run(f"[{source.number}]", color="Accent", selectAction=action)
