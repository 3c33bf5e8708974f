"""FHIR R4 written as HL7 v2.5.1: the way back of ``shared.mapping``, row by row, with a finding for what has no field.

Pure, as the way there is: no I/O, no clock, no environment. See docs/rendering.md.
"""

from shared.rendering.render import Rendering, render

__all__ = ["Rendering", "render"]
