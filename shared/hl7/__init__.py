"""HL7 v2: bytes in, segments split when they are read, the same bytes out. See docs/hl7.md."""

from shared.hl7.delimiters import Delimiters
from shared.hl7.message import Message
from shared.hl7.null import NULL, Null
from shared.hl7.parsing import parse
from shared.hl7.segment import Segment

__all__ = ["NULL", "Delimiters", "Message", "Null", "Segment", "parse"]
