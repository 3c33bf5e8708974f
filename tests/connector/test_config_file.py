"""The whole file is checked before anything starts; every fault has its line."""

from __future__ import annotations

import pytest

from connector.config import Config
from connector.config_file import read_config
from shared.message.errors.connector import ConnectorConfigInvalid

NO_KEY = "not a key here; did you mean"
ELSEWHERE = "not a key here; it is one of"
NO_NAME = "expected lower-case letters, digits, _ and -, a letter first, 41 at most"
NO_RELAY = "expected sb://<namespace>.servicebus.windows.net/<hybrid connection>"
GOOD = """\
[connector]
name = "north"
folder = "/var/lib/caduceus"

[hub]
url = "https://hub.example.org"
scope = "api://caduceus/.default"

[[listen]]
name = "adt"
port = 2575
allow = ["10.0.0.0/8"]

[relay]
url = "sb://contoso.servicebus.windows.net/north"

[[deliver]]
name = "lab"
address = "mllp://10.1.2.3:6661"
"""


def problems(tmp_path, text) -> list[str]:
    file = tmp_path / "connector.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConnectorConfigInvalid) as caught:
        read_config(file)
    return [str(problem).removeprefix(f"{file}:") for problem in caught.value.problems]


def test_a_file_that_is_right_is_read(tmp_path):
    """With the defaults that lose nothing: hybrid, stall, one line, hold."""
    (tmp_path / "connector.toml").write_text(GOOD, "utf-8")
    config = read_config(tmp_path / "connector.toml")
    assert (config.listen[0].acknowledge, config.listen[0].on_full) == ("hybrid", "stall")
    assert (config.deliver[0].order, config.deliver[0].on_reject) == ("feed", "hold")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('name = "adt"', 'nane = "x"'), ["9: `name` is missing", f"10: `nane` is {NO_KEY} `name`?"]),
        (("port = 2575", 'port = "2575"'), ["11: `port` is a whole number, written without quotes, such as 4"]),
        (("port = 2575", "lanes = true"), ["11: `lanes` is a whole number, written without quotes, such as 4"]),
        (('name = "north"', "name = 7"), ["2: `name` is text, written in quotes"]),
        (("port = 2575", "port = 99999"), ["11: `port`: Input should be less than or equal to 65535"]),
        (("10.0.0.0/8", "10.0.0.1/8"), ["12: `allow`: 10.0.0.1/8 has host bits set"]),
        (("https://hub", "http://hub"), ["6: `url`: expected https://<host>[/path] (http to this machine alone)"]),
        (('scope = "api://caduceus/.default"', ""), ["5: `hub`: needs `scope`"]),
        (("mllp://10.1.2.3:6661", "lab:6661"), ["19: `address`: expected mllp://<host>:<port>, or mllps:// for TLS"]),
        (("[relay]", "[realy]"), [f"14: `realy` is {NO_KEY} `relay`?"]),
        (("sb://contoso.servicebus.windows.net/north", "contoso"), [f"15: `url`: {NO_RELAY}"]),
        (("port = 2575", "port = 2575 2576"), ["11: no TOML: Expected newline or end of document after a statement"]),
        (('name = "north"', 'name = "North"'), [f"2: `name`: {NO_NAME}"]),
        (("scope =", 'folder = "x"\nscope ='), [f"7: `folder` is {ELSEWHERE} [connector] and [[listen]]"]),
        (("[[listen]]", "[listen]"), ["9: `listen`: it is written [[listen]]"]),
    ],
)  # fmt: skip
def test_every_fault_has_its_line_and_its_cure(tmp_path, change, said):
    """Somebody reads this at a hospital, with nobody to ask."""
    assert problems(tmp_path, GOOD.replace(*change)) == said


def test_what_is_right_by_itself_and_wrong_together_is_found(tmp_path):
    """Two listeners on one port, a destination without a relay, an echo for nobody."""
    twice = GOOD + '[[listen]]\nname = "adt"\nport = 2575\n[heartbeat]\nlistener = "oru"\n'
    assert problems(tmp_path, twice) == [
        "21: `name` is that of another [[listen]]",
        "22: `port` is that of another [[listen]]",
        "24: no listener has the name `oru`",
    ]
    no_relay = GOOD.replace('[relay]\nurl = "sb://contoso.servicebus.windows.net/north"\n', "")
    assert problems(tmp_path, no_relay) == ["15: a destination needs the table [relay]: where its messages come from"]
    assert problems(tmp_path, '[connector]\nname = "n"\nfolder = "f"\n') == [
        "1: nothing to do: neither [[listen]] nor [[deliver]]"
    ]


@pytest.mark.parametrize("secret", ["hunter2", "file:", "vault:x"])
def test_a_secret_is_never_in_the_file(tmp_path, secret):
    """The file is mailed, copied and backed up; the message does not repeat what stood there."""
    (said,) = problems(tmp_path, GOOD + f'[spool]\nkey = "{secret}"\n')
    assert "file:/path" in said
    assert "hunter2" not in said


def test_a_file_that_is_not_there_is_said_as_that(tmp_path):
    """The most frequent fault of all."""
    with pytest.raises(ConnectorConfigInvalid, match="there is no such file; name yours with --config"):
        read_config(tmp_path / "none.toml")


def test_two_lines_cannot_keep_one_order():
    """`order = "feed"` with two connections would let messages overtake each other."""
    with pytest.raises(ValueError, match="one connection"):
        Config.model_validate(
            {
                "connector": {"name": "n", "folder": "f"},
                "deliver": [{"name": "lab", "address": "mllp://h:1", "connections": 2}],
            }
        )
