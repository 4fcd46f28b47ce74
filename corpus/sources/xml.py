"""XML bytes to a tree: no entities, no network, no external document type."""

from __future__ import annotations

from lxml.etree import XMLParser, XMLSyntaxError, _Element, fromstring

from corpus.errors import ImportRefused


def parse_xml(data: bytes, name: str) -> _Element:
    """The root element. Raises ImportRefused for broken XML and for any document that defines entities."""
    parser = XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True)
    try:
        root = fromstring(data, parser)
    except XMLSyntaxError as error:
        raise ImportRefused(f"{name} is not well-formed XML: {error}. Fetch the file again.") from error
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and any(True for _ in declared.iterentities()):
        raise ImportRefused(f"{name} defines XML entities, which are not read. Remove its DOCTYPE.")
    return root


def root_name(root: _Element) -> str:
    """The root's name without its namespace."""
    return str(root.tag).rpartition("}")[2]


def child(element: _Element, name: str) -> _Element | None:
    return element.find(name)
