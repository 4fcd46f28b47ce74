"""Errors of the index; every message names the value and the remedy."""

from __future__ import annotations


class IndexProblem(Exception):  # noqa: N818 - the tree's root, never raised itself
    """Something is wrong with an index or an encoder."""


class IndexMissing(IndexProblem):
    """There is no index where one is looked for."""


class IndexDamaged(IndexProblem):
    """A file of the index is missing, cut or changed."""


class IndexMismatch(IndexProblem):
    """The index was built with another encoder or format than the one at hand."""


class IndexBusy(IndexProblem):
    """Another build holds the folder."""


class EncoderUnavailable(IndexProblem):
    """The encoder's weights or packages are not there."""


class IndexUnfit(IndexProblem):
    """The index is whole, but does not find what it must."""


class ArtefactProblem(IndexProblem):
    """A packed index cannot be had, or is not what it should be."""


class StoreUnavailable(IndexProblem):
    """The vector database cannot be reached, or refuses what it is asked."""
