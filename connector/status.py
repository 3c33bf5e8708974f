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
        or any(row["rejected"] or row["ambiguous"] for row in report["destinations"])
        or any(one["days"] is None or one["days"] < WARN_DAYS for one in report["certificates"])
    )


def page(report: Mapping[str, Any]) -> str:
    """Return the report as a page; it asks again by itself."""
    tables = "".join(
        f"<h2>{html.escape(name)}</h2>{_table(rows)}"
        for name, rows in report.items()
        if isinstance(rows, list) and rows
    )
    facts = _table([{name: value for name, value in report.items() if not isinstance(value, list | dict)}])
    line = _table([report["line"]]) if isinstance(report.get("line"), dict) else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5">'
        f"<title>Caduceus connector</title><style>{_STYLE}</style><h1>Caduceus connector</h1>{facts}"
        f"{'<h2>line to the hub</h2>' + line if line else ''}{tables}</html>"
    )


_STYLE = (
    "body{font:16px/1.5 system-ui;margin:2rem;color-scheme:light dark}table{border-collapse:collapse}"
    "td,th{text-align:left;padding:.2rem 1rem .2rem 0;border-bottom:1px solid #8884}"
)


def metrics(report: Mapping[str, Any]) -> str:
    """Return the numbers of the report in Prometheus' text form."""
    lines = [
        f"caduceus_connector_spool_bytes {report['spool_bytes']}",
        f"caduceus_connector_mirror_behind {int(report['mirror'] == 'behind')}",
        f"caduceus_connector_line_up {int(report['line_up'])}",
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


def _table(rows: list[Mapping[str, Any]]) -> str:
    head = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in rows[0])
    body = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape('' if cell is None else str(cell))}</td>" for cell in row.values())
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
