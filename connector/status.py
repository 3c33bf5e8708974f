"""What a connector says of itself: to the page on 127.0.0.1, to `connector status`, to metrics, and to the hub."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from connector.certificates import WARN_DAYS
from connector.config import StatusTable

ADDRESS = "127.0.0.1"
Report = Callable[[], Mapping[str, Any]]  # JSON, as it goes out


class StatusPage:
    """Serves between `start` and `stop`: ``/`` for people, ``/status`` for programs, ``/metrics`` for Prometheus."""

    def __init__(self, table: StatusTable, report: Report) -> None:
        self.port = 0
        self._wanted = table.port
        self._report = report
        self._runner: web.ServerRunner | None = None

    async def start(self, port: int | None = None) -> None:
        """Serve.

        Args:
            port: Instead of the table's; 0 takes a free one.
        """
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None))
        await self._runner.setup()
        await web.TCPSite(self._runner, ADDRESS, self._wanted if port is None else port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Serve no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        match request.path:
            case "/":
                return web.Response(text=page(self._report()), content_type="text/html")
            case "/status":
                return web.Response(body=orjson.dumps(self._report()), content_type="application/json")
            case "/metrics":
                return web.Response(text=metrics(self._report()), content_type="text/plain")
        return web.Response(status=404)


def needs_a_look(report: Mapping[str, Any], *, has_relay: bool) -> bool:
    """Tell whether anything in a report waits for a person, or will."""
    return (
        not report["line_up"]
        or (has_relay and not report["relay_channels"])
        or report["spool_is_full"]
        or report["spool_was_brought_back"]
        or report["mirror"] == "behind"
        or report["refused"] > 0
        or any(row["held_by"] for row in report["listeners"])
        or any(row["rejected"] or row["ambiguous"] for row in report["destinations"])
        or any(one["days"] is None or one["days"] < WARN_DAYS for one in report["certificates"])
    )


def page(report: Mapping[str, Any]) -> str:
    """Return the report as a page, which asks again by itself; what a person should look at is red."""
    facts = {name: value for name, value in report.items() if not isinstance(value, list | dict)}
    parts = [_facts("Caduceus connector", facts)]
    for name, rows in report.items():
        if isinstance(rows, list):
            parts += [
                _facts(f"{name.removesuffix('s')} {row.get('name', row.get('of', ''))}", row, name) for row in rows
            ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Caduceus connector</title><style>{_STYLE}</style><main>{''.join(parts)}</main></html>"
    )


_STYLE = (
    "body{font:16px/1.5 system-ui;margin:1rem;color-scheme:light dark}h2{font-size:1.1rem;margin:.5rem 0}"
    "main{display:grid;gap:1rem 2rem;grid-template-columns:repeat(auto-fill,minmax(min(28rem,100%),1fr))}"
    "table{width:100%;border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.2rem 1rem .2rem 0;"
    "border-bottom:1px solid #8884;overflow-wrap:anywhere}th{font-weight:400;opacity:.75;white-space:nowrap}"
    ".bad{color:light-dark(#b91c1c,#f87171);font-weight:600}"
)


def metrics(report: Mapping[str, Any]) -> str:
    """Return the numbers of the report in Prometheus' text form."""
    lines = [
        f"caduceus_connector_spool_bytes {report['spool_bytes']}",
        f"caduceus_connector_mirror_behind {int(report['mirror'] == 'behind')}",
        f"caduceus_connector_line_up {int(report['line_up'])}",
    ]
    lines += [
        f'caduceus_connector_listeners_held{{listener="{row["name"]}"}} {int(bool(row["held_by"]))}'
        for row in report["listeners"]
    ]
    for kind, label in (("listeners", "listener"), ("destinations", "destination")):
        for row in report[kind]:
            lines += [
                f'caduceus_connector_{kind}_{name}{{{label}="{row["name"]}"}} {value}'
                for name, value in row.items()
                if isinstance(value, int | float) and not isinstance(value, bool)
            ]
    lines += [
        f'caduceus_connector_certificate_days{{of="{one["of"]}"}} {one["days"]}'
        for one in report["certificates"]
        if one["days"] is not None
    ]
    return "\n".join(lines) + "\n"


def _facts(title: str, facts: Mapping[str, Any], table: str = "") -> str:
    rows = "".join(
        f"<tr><th>{html.escape(name.replace('_', ' '))}</th>"
        f"<td{' class=bad' if _is_bad(table, name, value) else ''}>{html.escape(_said(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<section><h2>{html.escape(title)}</h2><table>{rows}</table></section>"


def _said(value: object) -> str:
    return {None: "", True: "yes", False: "no"}[value] if value is None or isinstance(value, bool) else str(value)


def _is_bad(table: str, name: str, value: Any) -> bool:
    """Tell of one fact what `needs_a_look` tells of all; whether relay channels are needed, only the file says."""
    match table, name:
        case "", "line_up":
            return not value
        case ("", "line_trouble" | "spool_is_full" | "spool_was_brought_back" | "refused") | ("listeners", "held_by"):
            return bool(value)
        case "destinations", "rejected" | "ambiguous":
            return bool(value)
        case "", "mirror":
            return bool(value == "behind")
        case "certificates", "days":
            return value is None or bool(value < WARN_DAYS)
    return False
