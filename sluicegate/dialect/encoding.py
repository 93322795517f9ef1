"""The encoding of a text: declared, marked by its first bytes, or told from samples of it.

UTF-8 is known by its own rules. Whatever breaks them is taken for UTF-8 with damage if most of what
is not ASCII keeps them, and for a single-byte encoding if nothing does: Windows-1252 where the text
is mostly ASCII and the rest are marks and letters as Western texts have them, else what
charset-normalizer makes of it.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Sequence

from sluicegate.errors import BatchRefused, ContractError

KEEP = "sluicegate.keep"
"""Error handler that keeps a byte which cannot be decoded as U+DC00 plus its value."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_MAGIC = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document, maybe protected by a password"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"%PDF-", "a PDF"),
    (b"PAR1", "Parquet"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
)

_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_PAGE = re.compile(r"<(?:!doctype|html|head|body|\?xml|!--)", re.IGNORECASE)
_GLANCE = 1 << 16
"""Characters of the beginning that tell another format."""

_HIGH = re.compile(rb"[\x80-\xff]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a]")

_MOSTLY_ASCII = 0.3
"""Share of bytes beyond ASCII up to which Windows-1252 is thought of first."""

_FEW = 0.01
"""Share of lines with damage up to which a text is UTF-8 all the same."""


def _keep(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    damaged = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in damaged), error.end


codecs.register_error(KEEP, _keep)


def encoding_of(samples: Sequence[bytes], *, name: str, declared: str | None = None) -> str:
    """The codec of a text, by its name in Python.

    Args:
        samples: parts of it, its beginning first.
        name: of the file, for messages.
        declared: it, if it is known; it is only looked at whether there is such a codec.

    Raises:
        BatchRefused: it is no text, or nothing tells its encoding.
        ContractError: there is no such encoding.
    """
    if declared is not None:
        return _known(declared)
    head = samples[0]
    marked = next((encoding for mark, encoding in _BOMS if head.startswith(mark)), None)
    if marked := marked or _wide(head):
        return marked
    _refuse_binary(head, name)
    return _narrow(b"\n".join(map(_trimmed, samples)), name)


def _narrow(joined: bytes, name: str) -> str:
    """The encoding of a text whose ASCII is that of ASCII."""
    sequences = len(_SEQUENCE.findall(joined))
    bad = len(_HIGH.findall(_SEQUENCE.sub(b"", joined)))
    if sequences >= bad:
        return "utf-8"
    high = sum(len(run) for run in _HIGH.findall(joined))
    if high <= len(joined) * _MOSTLY_ASCII and _western(joined):
        return _neighbour(joined) or "cp1252"
    if bad <= 1 + joined.count(b"\n") * _FEW:
        return "utf-8"
    return _foreign(joined, name)


def other_format(text: str) -> str | None:
    """What a text is, if it is no delimited text: a page, a document."""
    begin = text[:_GLANCE].lstrip("\ufeff \t\r\n")
    if _PAGE.match(begin):
        return "HTML or XML"
    line = begin.partition("\n")[0].strip()
    if line[:1] not in {"{", "["}:
        return None
    if line in {"{", "[", "[{"}:
        return "JSON"
    try:
        return "JSON" if isinstance(json.loads(line), list | dict) else None
    except (ValueError, RecursionError):
        return None


def relabelled(text: str) -> bool:
    """Whether a text has characters that only a wrong label can have put there."""
    return any("\x80" <= char <= "\x9f" for char in set(text)) if not text.isascii() else False


def _trimmed(sample: bytes) -> bytes:
    """A part of a text without what its ends cut in two."""
    start = next((at for at, byte in enumerate(sample[:4]) if not 0x80 <= byte < 0xC0), 0)
    end = len(sample)
    for at in range(1, min(4, len(sample)) + 1):
        if sample[-at] >= 0xC0:
            end -= at if not _SEQUENCE.fullmatch(sample[-at:]) else 0
            break
        if sample[-at] < 0x80:
            break
    return sample[start:end]


_MOST_GUESSED = 1 << 16
"""Bytes that charset-normalizer looks at."""

_ENOUGH_LETTERS = 10
"""Letters beyond ASCII that tell a language."""

_NOT = ["ascii", "utf_8", "cp1252", "latin_1"]
"""What a text is not that was not taken for it before."""


def _known(declared: str) -> str:
    try:
        return codecs.lookup(declared).name
    except LookupError as error:
        raise ContractError(
            f"There is no encoding called {declared!r}.",
            hint="write a name that Python knows, such as 'utf-8' or 'cp1252'",
        ) from error


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of what is mostly ASCII is NUL."""
    part = head[: len(head) // 2 * 2][:4096]
    if len(part) < 8:
        return None
    even, odd = part[::2].count(0) * 2 / len(part), part[1::2].count(0) * 2 / len(part)
    if odd > 0.7 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.7 and odd < 0.05 else None


def _refuse_binary(head: bytes, name: str) -> None:
    for magic, what in _MAGIC:
        if head.startswith(magic):
            raise BatchRefused(
                f"The file is not text: it is {what}.",
                where=name,
                hint="have the provider send delimited text, or unpack it first",
            )
    if len(_CONTROL.findall(head)) > max(8, len(head) * 0.02):
        raise BatchRefused("The file is binary, not text.", where=name)


def _neighbour(joined: bytes) -> str | None:
    """The encoding of a text with many letters beyond ASCII that make other words than ours.

    Central European and Turkish encodings share most letters with Windows-1252; which language it
    is tells them apart, and that is what charset-normalizer calls coherence.
    """
    part = joined[:_MOST_GUESSED]
    letters = sum(char in _LETTERS for char in part.decode("cp1252", "replace"))
    if letters < _ENOUGH_LETTERS:
        return None
    from charset_normalizer import from_bytes

    found = from_bytes(part, cp_exclusion=["ascii", "utf_8"])
    best = found.best()
    western = next((each for each in found if each.encoding == "cp1252"), None)
    if best is None or best.coherence < 0.3 or str(best) == part.decode("cp1252", "replace"):
        return None
    if western and best.coherence - western.coherence < 0.02:
        return None
    return _known(best.encoding)


def _foreign(joined: bytes, name: str) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(joined[:_MOST_GUESSED], cp_exclusion=_NOT).best()
    if best is not None:
        return _known(best.encoding)
    raise BatchRefused(
        "Nothing tells the encoding of the file: it is not UTF-8.",
        where=name,
        hint="declare it, such as encoding='cp1252'",
    )


_LETTERS = frozenset("àâäáãåæçèéêëìíîïñòóôöõøœùúûüßÀÂÄÁÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖÕØŒÙÚÛÜŠšŽž")
_WITHIN = frozenset("\u2018\u2019\u2013\u2014\u00b7\u00ad")
"""Marks that stand between letters, too."""
_MARKS = _WITHIN | frozenset("£€¥©®™°²³¹½¼¾§«»“”„•…†‡±\u00d7÷µ¿¡\u00b4ºª¢\u00a0")


def _western(joined: bytes) -> bool:
    """Whether what is not ASCII reads as letters within words, and as marks, in Windows-1252."""
    try:
        text = joined.decode("cp1252")
    except UnicodeDecodeError:
        return False
    good = bad = 0
    for found in re.finditer("[^\x00-\x7f]+", text):
        before = text[max(0, found.start() - 3) : found.start()]
        after = text[found.end() : found.end() + 1]
        if _reads(found.group(), before, after):
            good += 1
        else:
            bad += 1
    return good > 4 * bad


def _reads(run: str, before: str, after: str) -> bool:
    """Whether some characters beyond ASCII look right between those beside them."""
    letters = [char for char in run if char in _LETTERS]
    if len(letters) > 2 or not set(run) <= _LETTERS | _MARKS:
        return False
    if letters and letters[0].isupper() and before[-1:].islower():
        return False
    if set(run) <= set("¹²³") and re.search("[^\\W\\d_]{3}$", before):
        return False
    marks = [char for char in run if char in _MARKS - _WITHIN]
    return not (
        marks and not letters and (before[-1:].isalpha() or marks[0] == "£") and after.isalpha()
    )
