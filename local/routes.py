"""Route templates of HTTP triggers: ``hub/messages/{id}``, ``fhir/{type}/{id?}``, ``console/{*rest}``.

They match as ASP.NET routing does, which the Functions host uses: literals ignore case, and the more specific template
wins whatever the order of registration. An optional or catch-all parameter stands last. Source: Microsoft Learn,
"Routing in ASP.NET Core", sections on templates, constraints and precedence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

_PARAMETER = re.compile(r"\{(?P<star>\*{0,2})(?P<name>\w+)(?::(?P<constraint>\w+))?(?P<optional>\?)?\}")

_CONSTRAINTS = {
    "int": r"-?\d+",
    "long": r"-?\d+",
    "bool": r"(?:true|false)",
    "alpha": r"[A-Za-z]+",
    "guid": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
}

# Precedence of one segment; a template is compared segment by segment.
_LITERAL, _CONSTRAINED, _PLAIN, _REST = range(4)


@dataclass(frozen=True, slots=True)
class Route:
    """A template, ready to match a path.

    Attributes:
        rank: Templates are tried in its order; the first that matches is the most specific.
    """

    pattern: re.Pattern[str]
    rank: tuple[int, ...]

    def match(self, path: str) -> Mapping[str, str] | None:
        """Return the decoded parameters, or None.

        Args:
            path: Percent-encoded, as it came; an encoded slash stays inside its parameter.
        """
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        return {name: unquote(value) for name, value in found.groupdict().items() if value}


def compile_route(template: str) -> Route:
    """Return the route of a template, which has no leading slash.

    Raises:
        ValueError: a segment mixes text and parameter, or has a constraint that is not known here.
    """
    pattern, rank = "", []
    for segment in filter(None, template.strip("/").split("/")):
        part, precedence = _compile_segment(segment)
        pattern += part
        rank.append(precedence)
    return Route(re.compile(pattern + "/?", re.IGNORECASE | re.ASCII), tuple(rank))


def _compile_segment(segment: str) -> tuple[str, int]:
    parameter = _PARAMETER.fullmatch(segment)
    if parameter is None:
        if "{" in segment:
            raise ValueError(f"route segment {segment} mixes text and parameter")
        return "/" + re.escape(segment), _LITERAL
    name, constraint = parameter["name"], parameter["constraint"]
    if constraint and constraint not in _CONSTRAINTS:
        raise ValueError(f"route constraint {constraint} is not known")
    if parameter["star"]:
        return f"(?:/(?P<{name}>.*))?", _REST
    value = f"/(?P<{name}>{_CONSTRAINTS.get(constraint or '', '[^/]+')})"
    return f"(?:{value})?" if parameter["optional"] else value, _CONSTRAINED if constraint else _PLAIN
