"""Lines of TOML keys."""

from __future__ import annotations

from shared.message.toml_lines import key_lines, line_of

TEXT = '''\
title = "a"   # 1

list = [
  "x",
  "y",
]
text = """
[not.a.table]
"""
inline = { a = 1, b = { c = 2 } }
dotted.key = 3

[table]
one = 1
[table."quoted.name"]
two = 2

[[items]]
name = "first"
[[items.parts]]
n = 1
[[items.parts]]
n = 2
[[items]]
name = "second"
[[items.parts]]
n = 3
[items.more]
m = 4
'''


def test_every_key_has_the_line_it_is_written_on():
    """An analyst jumps to the line; a wrong one is worse than none."""
    lines = key_lines(TEXT)
    wanted = {
        ("title",): 1,
        ("list",): 3,
        ("list", 1): 3,
        ("text",): 7,
        ("inline", "b", "c"): 10,
        ("dotted", "key"): 11,
        ("table", "one"): 14,
        ("table", "quoted.name", "two"): 16,
        ("items", 0): 18,
        ("items", 0, "name"): 19,
        ("items", 0, "parts", 1): 22,
        ("items", 0, "parts", 1, "n"): 23,
        ("items", 1, "name"): 25,
        ("items", 1, "parts", 0, "n"): 27,
        ("items", 1, "more", "m"): 29,
    }
    assert {place: lines.get(place) for place in wanted} == wanted


def test_what_is_not_written_has_the_line_of_what_is_around_it():
    """A missing key is reported at its table, and a missing table at the top of the file."""
    lines = key_lines(TEXT)
    assert line_of(("items", 1, "absent"), lines) == 24
    assert line_of(("absent",), lines) == 1
