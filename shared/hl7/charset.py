"""From the names of MSH-18 to codecs."""

from __future__ import annotations

from functools import lru_cache

from shared.message.errors.hl7 import CharsetUnsupported

DEFAULT_CODEC = "utf-8"

_SWITCHING_CODEC = "iso2022_jp_ext"

# HL7 table 0211, then the names senders write instead: in upper case, without ISO and what is not a letter or digit.
_CODECS = {
    "ASCII": "ascii",
    "88591": "latin-1",
    **{f"8859{part}": f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
    "IR6": "ascii",
    "IR14": "cp932",  # JIS X 0201: one byte a character; its lower half is where ASCII has the delimiters
    "IR87": _SWITCHING_CODEC,
    "IR159": _SWITCHING_CODEC,
    "GB180302000": "gb18030",
    "KSX1001": "euc_kr",
    "BIG5": "big5",
    "UNICODE": "utf-8",  # senders that say no more mean this
    "UNICODEUTF8": "utf-8",
    "USASCII": "ascii",
    "LATIN1": "latin-1",
    "UTF8": "utf-8",
    "2022JP": _SWITCHING_CODEC,
    "IR13": "cp932",
    "SHIFTJIS": "cp932",
    "SJIS": "cp932",
    "WINDOWS31J": "cp932",
    "MS932": "cp932",
    "CP932": "cp932",
    "EUCJP": "euc_jp",
    "EUCKR": "euc_kr",
    "GB18030": "gb18030",
    "GBK": "gb18030",
    "GB2312": "gb18030",
    **{f"{vendor}125{page}": f"cp125{page}" for vendor in ("WINDOWS", "CP") for page in range(9)},
}
_WITHOUT_MARKS = str.maketrans("", "", "-_/ ")

# Codecs of several bytes a character whose second byte can look like a delimiter; none can look like CR or LF.
MULTIBYTE_CODECS = frozenset({"cp932", "iso2022_jp_ext", "gb18030", "big5", "euc_kr", "euc_jp"})


@lru_cache(maxsize=256)
def codec_of(declared: str, repetition: str = "~") -> str:
    """Return the Python codec for the value of MSH-18, or of an interface's own charset setting.

    Of several repetitions the one that can switch alphabets decides, else the first that is more than ASCII: Japanese
    senders write ``~ISO IR87`` or ``ISO IR14~ISO IR87``, and their escape sequences return to ASCII by themselves.

    Raises:
        CharsetUnsupported: A name is not known, or Python has no codec for it (CNS 11643-1992).
    """
    codecs = [_codec(name) for name in declared.split(repetition) if name.strip()]
    if _SWITCHING_CODEC in codecs:
        return _SWITCHING_CODEC
    return next((codec for codec in codecs if codec != "ascii"), "ascii" if codecs else DEFAULT_CODEC)


def _codec(name: str) -> str:
    plain = name.upper().translate(_WITHOUT_MARKS).removeprefix("ISO")
    if plain not in _CODECS:
        raise CharsetUnsupported("MSH-18")
    return _CODECS[plain]
