"""Dialects of delimited text: found, declared, and read under.

:func:`detect_file` tells how a file is written; a :class:`Reading` under that dialect tells of
every line of :func:`lines_of_file` what it is.
"""

from sluicegate.dialect.detect import Detected, detect, lines_of
from sluicegate.dialect.dialect import Declared, Dialect
from sluicegate.dialect.encoding import encoding_of
from sluicegate.dialect.files import detect_file, lines_of_file, sample_of
from sluicegate.dialect.header import folded
from sluicegate.dialect.kinds import Kind, kind_of
from sluicegate.dialect.reading import Left, Part, Reading
from sluicegate.dialect.records import ENCODING, FIELDS, QUOTING, Lexer, Record
from sluicegate.dialect.shapes import CODES, PADDED, Shape, shape_of

__all__ = [
    "CODES",
    "ENCODING",
    "FIELDS",
    "PADDED",
    "QUOTING",
    "Declared",
    "Detected",
    "Dialect",
    "Kind",
    "Left",
    "Lexer",
    "Part",
    "Reading",
    "Record",
    "Shape",
    "detect",
    "detect_file",
    "encoding_of",
    "folded",
    "kind_of",
    "lines_of",
    "lines_of_file",
    "sample_of",
    "shape_of",
]
