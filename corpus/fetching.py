"""Documents from web addresses, without letting an address reach into our own network.

Every hop is checked anew: scheme, every address that its host name resolves to, content type and size.
The connection goes to the very address that was checked, so that a second resolution cannot lead elsewhere.
"""

from __future__ import annotations

import socket
import time
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urljoin, urlsplit

from httpx import URL, Client, HTTPError, InvalidURL, Response, Timeout

from corpus.errors import ImportRefused
from corpus.sources.parts import SourceFile

MAX_REDIRECTS = 5
MAX_URL_CHARS = 2_000
USER_AGENT = "corpus-import (documents for a question-answering service)"
CONTENT_TYPES = frozenset(
    {
        *("text/html", "application/xhtml+xml", "application/xml", "text/xml", "application/pdf"),
        *("text/markdown", "text/x-markdown", "text/plain", "application/json", "application/jsonl"),
        *("application/x-ndjson", "application/x-jsonlines", "application/octet-stream", "binary/octet-stream"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    }
)
_REDIRECT_CODES = (301, 302, 303, 307, 308)
# Addresses that carry another address in them.
_NAT64 = ip_network("64:ff9b::/96")


def is_url(source: str) -> bool:
    """Whether the source is meant as an address: it has a scheme, whichever."""
    return "://" in source


def fetch(url: str, *, timeout_seconds: float, max_bytes: int, allow_private: bool = False) -> SourceFile:
    """The document at an http or https address.

    `timeout_seconds` holds for the whole fetch, redirects included; `max_bytes` for its body. Addresses of
    private, loopback and link-local networks are refused unless `allow_private`. Raises ImportRefused.
    """
    deadline = time.monotonic() + timeout_seconds
    here = url
    # Proxies and certificates from the environment are left out: a proxy would resolve the name once more.
    with Client(trust_env=False, follow_redirects=False, timeout=Timeout(timeout_seconds)) as client:
        for _ in range(MAX_REDIRECTS + 1):
            target, address = _checked(here, allow_private)
            try:
                answer = _get(client, here, target, address, deadline=deadline, max_bytes=max_bytes)
            except (HTTPError, InvalidURL) as error:
                what = f"{here} cannot be fetched ({type(error).__name__}: {error})"
                raise ImportRefused(f"{what}. Try again later, or save the page and import the file.") from error
            if isinstance(answer, bytes):
                name = target.path.rpartition("/")[2] or (urlsplit(here).hostname or here)
                return SourceFile(name, answer, url=here)
            here = answer
    raise ImportRefused(f"{url} redirects more than {MAX_REDIRECTS} times. Pass the address that it ends at.")


def _checked(url: str, allow_private: bool) -> tuple[URL, str]:
    """The parsed address and the IP address to connect to."""
    if len(url) > MAX_URL_CHARS:
        raise ImportRefused(f"The address {url[:80]}... has more than {MAX_URL_CHARS} characters. Pass a shorter one.")
    try:
        target = URL(url)
    except InvalidURL as error:
        raise ImportRefused(f"{url!r} is not an address ({error}). Pass one that begins with https://.") from error
    if target.scheme not in ("http", "https") or not target.host:
        raise ImportRefused(f"{url!r} is neither http nor https. Save the document and import the file.")
    if target.userinfo:
        raise ImportRefused(f"The address of {target.host} holds a user name. Leave it out, or import a saved file.")
    port = target.port or (443 if target.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(target.host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ImportRefused(f"The host {target.host!r} is not found ({error}). Check the address.") from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not allow_private and not is_public(address):
            what = f"{url} leads to {address}, an address that is not public"
            raise ImportRefused(f"{what}. Save the document and import the file.")
    return target, addresses[0]


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, with what it may carry inside also looked at."""
    parsed: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if parsed in _NAT64:
            inner = IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


def _get(client: Client, url: str, target: URL, address: str, *, deadline: float, max_bytes: int) -> bytes | str:
    """The body, or the address of a redirect."""
    host = target.netloc.decode("ascii")
    request = client.build_request(
        "GET",
        target.copy_with(host=address),
        # Packed answers are refused below, so that a small answer cannot unpack to a large one.
        headers={"Host": host, "Accept-Encoding": "identity", "User-Agent": USER_AGENT},
        extensions={"sni_hostname": target.host},
        timeout=Timeout(_left(url, deadline)),
    )
    response = client.send(request, stream=True)
    try:
        if response.status_code in _REDIRECT_CODES and "location" in response.headers:
            return urljoin(url, response.headers["location"])
        if response.status_code != 200:
            raise ImportRefused(f"{url} answers {response.status_code}. Check the address in a browser.")
        _check_headers(url, response, max_bytes)
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > max_bytes:
                raise ImportRefused(f"{url} is larger than {max_bytes} bytes. Pass a smaller document.")
            _left(url, deadline)
        return bytes(body)
    finally:
        response.close()


def _left(url: str, deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise ImportRefused(f"{url} takes too long. Try again later, or save the page and import the file.")
    return left


def _check_headers(url: str, response: Response, max_bytes: int) -> None:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in CONTENT_TYPES:
        raise ImportRefused(
            f"{url} is of the type {kind or 'unknown'!r}, which is not read. Pass a page, PDF or Word file."
        )
    if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise ImportRefused(f"{url} answers packed although asked not to. Save the document and import the file.")
    length = response.headers.get("content-length", "")
    if length.isdigit() and int(length) > max_bytes:
        raise ImportRefused(f"{url} is {length} bytes, more than {max_bytes}. Pass a smaller document.")
