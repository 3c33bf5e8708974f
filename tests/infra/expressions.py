"""The C# of the gateway's policies: found, wrapped in what the gateway gives it, compiled and run."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

COMPILER, RUNTIME = shutil.which("mcs"), shutil.which("mono")
_JSON = Path("/usr/lib/cli/Newtonsoft.Json-5.0/Newtonsoft.Json.dll")

# As much of the gateway's surface as the policies use; a member that is not here does not compile.
_SURFACE = """
using System; using System.Collections.Generic; using System.Linq; using Newtonsoft.Json.Linq;
public class Jwt { public IReadOnlyDictionary<string, string[]> Claims; }
public class Url { public string Path = "/"; }
public class Headers : Dictionary<string, string[]> { }
public class Request {
  public string Method = "GET"; public Url Url = new Url(); public Headers Headers = new Headers();
  public Dictionary<string, string> MatchedParameters = new Dictionary<string, string>();
}
public class Response { public int StatusCode = 500; }
public class LastError { public string Source = "forward-request"; public string Reason = "Timeout";
  public string Message = "PATIENT"; }
public class Context {
  public Guid RequestId = Guid.Empty; public Request Request = new Request();
  public Response Response = new Response();
  public LastError LastError = new LastError();
  public Dictionary<string, object> Variables = new Dictionary<string, object>();
}
public static class Extensions {
  public static string GetValueOrDefault(this IReadOnlyDictionary<string, string[]> d, string key, string other) {
    string[] found; return d.TryGetValue(key, out found) ? string.Join(",", found) : other; }
  public static string GetValueOrDefault(this Headers d, string key, string other) {
    string[] found; return d.TryGetValue(key, out found) ? string.Join(",", found) : other; }
}
public static class Program {
"""


def expressions_of(policy: str) -> list[str]:
    """Return every expression of a policy document: ``@(...)`` and ``@{...}``."""
    root = ElementTree.fromstring(policy)
    texts = [text for step in root.iter() for text in (*step.attrib.values(), step.text or "")]
    return [text.strip() for text in texts if text.strip().startswith(("@(", "@{"))]


def variable_of(policy: str, name: str) -> str:
    """Return the expression that sets a variable."""
    root = ElementTree.fromstring(policy)
    return next(step.attrib["value"] for step in root.iter("set-variable") if step.get("name") == name)


def compile_and_run(methods: Mapping[str, str], body: str, folder: Path) -> list[str]:
    """Compile expressions as methods, run a program that calls them, and return the lines it prints."""
    source, program = folder / "policy.cs", folder / "policy.exe"
    source.write_text(_SURFACE + "\n".join(_method(*one) for one in methods.items()) + "\n" + body + "\n}\n")
    subprocess.run(
        [str(COMPILER), f"-r:{_JSON}", f"-out:{program}", str(source)], check=True, capture_output=True, text=True
    )
    shutil.copy(_JSON, folder)
    done = subprocess.run([str(RUNTIME), str(program)], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def main_of(lines: Iterable[str]) -> str:
    """Return a program of these statements."""
    return "  public static void Main() {\n    " + "\n    ".join(lines) + "\n  }"


def _method(name: str, expression: str) -> str:
    inner = expression[1:]
    code = f"{{ return {inner}; }}" if inner.startswith("(") else inner
    return f"  public static object {name}(Context context) {re.sub(r'^', '    ', code, flags=re.MULTILINE)}"


def is_here() -> bool:
    """Tell whether C# can be compiled on this machine."""
    return COMPILER is not None and RUNTIME is not None and _JSON.exists()
