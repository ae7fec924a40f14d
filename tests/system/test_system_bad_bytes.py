"""One activity that is no clean JSON, or does not fit: it is named, all others land, nothing is lost."""
# ruff: noqa: S608 - the names and ids in the queries are the test's own

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any

import pytest
from tests.support.cli import Cli
from tests.support.served import Strava

HUGE = 2**63 + 5
BROKEN: dict[str, tuple[bytes, bytes]] = {
    "a lone surrogate": (b'"name":"', b'"name":"\\ud800 '),
    "broken UTF-8": (b'"name":"', b'"name":"\xff\xfe'),
    "an overlong form": (b'"name":"', b'"name":"\xc0\xaf'),
    "a raw newline": (b'"name":"', b'"name":"one\ntwo'),
    "a zero byte": (b'"name":"', b'"name":"\x00'),
    "NaN": (b'"has_heartrate":', b'"weight":NaN,"has_heartrate":'),
    "a bad number": (b'"has_heartrate":', b'"weight":01.5,"has_heartrate":'),
    "no comma": (b',"has_heartrate":', b' "has_heartrate":'),
    "a number beyond all": (b'"has_heartrate":', b'"weight":1e999,"has_heartrate":'),
}
HIDING = {"a bad number", "no comma"}
"""Damage that hides the id, too, from a lenient parser."""
ODD: dict[str, tuple[str, bytes, str]] = {
    "1.5 for an integer": ("kudos_count", b"1.5", "1.5"),
    "an integer beyond 64 bits": ("kudos_count", b"99999999999999999999", "99999999999999999999"),
    "a word for a number": ("distance", b'"far"', '"far"'),
    "a list for a number": ("moving_time", b"[1,2]", "[1,2]"),
    "a word for a boolean": ("trainer", b'"perhaps"', '"perhaps"'),
    "no date": ("start_date_local", b'"yesterday"', '"yesterday"'),
}


def replace_value(body: bytes, key: str, value: bytes) -> bytes:
    changed, count = re.subn(rb'("%s":)("[^"]*"|[^,}]+)' % key.encode(), rb"\g<1>" + value, body, count=1)
    assert count == 1
    return changed


def bodies(cli: Cli, kind: str) -> list[dict[str, Any]]:
    """The lines of all bodies in bronze."""
    found = []
    for path in sorted(cli.layout.bronze(kind).iterdir()):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found += [json.loads(line) for line in content.splitlines()]
    return [line for line in found if line["kind"] == "body"]


@pytest.mark.slow
def test_broken_summaries(connected: Cli, strava: Strava) -> None:
    """A lone surrogate, broken UTF-8, a raw newline … in one page: each is named and kept as sent, all others land."""
    names = [name for name in BROKEN if name not in HIDING]
    sent = {
        one: strava.summary_bytes(one).replace(*BROKEN[name], 1)
        for one, name in zip(strava.ids[5:], names, strict=False)
    }
    for one, body in sent.items():
        strava.simulator.set_raw(one, summary=body)
    outcome = connected("flow", "--only-changed", "--json").done()
    assert outcome.json["status"] == "partial"
    assert all(any(str(one) in note for note in outcome.json["notes"]) for one in sent)
    assert {row[0] for row in connected.rows("select id from activities")} == set(strava.ids) - sent.keys()
    kept = {
        line["id"]: base64.b64decode(line["base64"]) for line in bodies(connected, "activities") if "base64" in line
    }
    assert kept == sent
    assert {row[0] for row in connected.rows("select id from quarantine")} == {str(one) for one in sent}
    for one in sent:
        strava.simulator.set_raw(one, summary=None)
    assert connected("flow", "--all", "--only-changed", "--json").done().json["status"] == "ok"
    assert connected.one("select count(*) from activities") == 60
    assert connected.rows("select 1 from quarantine") == []


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_summary(connected: Cli, strava: Strava, name: str) -> None:
    """It is named, kept byte for byte in bronze, and the other 59 land; mended, it comes in."""
    bad = strava.ids[7]
    sent = strava.summary_bytes(bad).replace(*BROKEN[name], 1)
    assert sent != strava.summary_bytes(bad)
    strava.simulator.set_raw(bad, summary=sent)
    outcome = connected("flow", "--only-changed", "--json").done()
    assert outcome.json["status"] == "partial"
    assert any(str(bad) in note for note in outcome.json["notes"])
    assert {row[0] for row in connected.rows("select id from activities")} == set(strava.ids) - {bad}
    kept = [base64.b64decode(line["base64"]) for line in bodies(connected, "activities") if "base64" in line]
    assert kept == [sent]
    assert connected.rows("select kind, id from quarantine") == [("activity", str(bad))]
    connected("compact", "--rebuild").done()
    assert connected.one("select count(*) from activities") == 59
    strava.simulator.set_raw(bad, summary=None)
    assert connected("flow", "--all", "--only-changed", "--json").done().json["status"] == "ok"
    assert connected.one("select count(*) from activities") == 60
    assert connected.rows("select 1 from quarantine") == []


@pytest.mark.slow
def test_two_broken_summaries_at_once(connected: Cli, strava: Strava) -> None:
    """Each is named, kept and counted, also where the damage hides the ids; the next flow stores neither again."""
    for one, name in ((strava.ids[3], "no comma"), (strava.ids[9], "a bad number")):
        strava.simulator.set_raw(one, summary=strava.summary_bytes(one).replace(*BROKEN[name], 1))
    outcome = connected("flow", "--only-changed", "--json").done()
    assert sum("not clean JSON" in note for note in outcome.json["notes"]) == 2
    assert connected.one("select count(*) from quarantine") == 2
    connected("flow", "--only-changed").done()
    assert sum("base64" in line for line in bodies(connected, "activities")) == 2


@pytest.mark.slow
def test_a_broken_summary_is_told_once(connected: Cli, strava: Strava) -> None:
    """The same broken body again is neither stored again nor told again, and the second flow is quiet."""
    strava.simulator.set_raw(strava.ids[0], summary=b'{"id":%d,"name":"\xff"}' % strava.ids[0])
    connected("flow").done()
    outcome = connected("flow", "--only-changed", "--json").done()
    assert outcome.json["status"] == "ok"
    assert len(bodies(connected, "activities")) == 60


def test_an_id_beyond_64_bits(connected: Cli, strava: Strava) -> None:
    """Such an activity cannot have a row: it is named and its body kept; all others land."""
    bad = strava.ids[3]
    sent = strava.summary_bytes(bad).replace(b'"id":%d' % bad, b'"id":%d' % HUGE, 1)
    strava.simulator.set_raw(bad, summary=sent)
    outcome = connected("flow", "--only-changed", "--json").done()
    assert outcome.json["status"] == "partial"
    assert any(str(HUGE) in note for note in outcome.json["notes"])
    assert {row[0] for row in connected.rows("select id from activities")} == set(strava.ids) - {bad}
    assert any(line["body"]["id"] == HUGE for line in bodies(connected, "activities") if line["id"] is None)
    connected("compact", "--rebuild").done()
    assert connected.one("select count(*) from activities") == 59


def test_elements_that_are_no_activities(connected: Cli, strava: Strava) -> None:
    """What is no object with an id is told; all others land."""
    elements = [b"null", b"[]", b'"text"', b"{}", b'{"id":null}', b'{"id":"17"}', b'{"id":true}', b'{"id":-5}']
    for one, element in zip(strava.ids[5:], elements, strict=False):
        strava.simulator.set_raw(one, summary=element)
    outcome = connected("flow", "--json", "--only-changed").done()
    assert outcome.json["status"] == "partial"
    assert connected.one("select count(*) from activities") == 60 - len(elements)


def test_values_that_do_not_fit(connected: Cli, strava: Strava) -> None:
    """They go to `extra` as they were sent, are named, the columns are NULL, the rows are there; a rebuild agrees."""
    odd = dict(zip(strava.ids[4:], ODD.values(), strict=False))
    for one, (key, value, _) in odd.items():
        strava.simulator.set_raw(one, summary=replace_value(strava.summary_bytes(one), key, value))
    outcome = connected("pull", "--json").done()
    for one, (key, _, _) in odd.items():
        assert any(str(one) in note and key in note for note in outcome.json["notes"])
    for arguments in (("compact",), ("compact", "--rebuild")):
        connected(*arguments).done()
        assert connected.one("select count(*) from activities") == 60
        for one, (key, _, shown) in odd.items():
            ((column, extra),) = connected.rows(f"select {key}, extra -> '{key}' from activities where id = {one}")
            assert (column, extra) == (None, shown)


def test_unknown_keys_and_sports(connected: Cli, strava: Strava) -> None:
    """Keys without a column go to `extra`, exact to the digit; a sport nobody knew is taken as it is."""
    odd = strava.ids[0]
    body = strava.summary_bytes(odd)
    more = b'{"brand_new":{"deep":[1,{"x":9007199254740993}]},"empty":null,"text":"\\u00e9\\n",'
    strava.simulator.set_raw(odd, summary=replace_value(more + body[1:], "sport_type", b'"UnderwaterHockey"'))
    connected("flow", "--only-changed").done()
    assert connected.one(f"select sport_type from activities where id = {odd}") == "UnderwaterHockey"
    extra = json.loads(connected.one(f"select extra from activities where id = {odd}"))
    assert extra["brand_new"] == {"deep": [1, {"x": 9007199254740993}]}
    assert extra["text"] == "é\n"


@pytest.mark.slow
def test_a_pretty_printed_page(connected: Cli, strava: Strava) -> None:
    """Newlines between tokens are blanked; all rows are as without them, and strings keep theirs."""
    first = strava.ids[0]
    strava.simulator.edit(first, name='two\nlines \\ and "quotes" and { [ ,')
    for one in strava.ids:
        pretty = json.dumps(strava.summary(one), indent=2, ensure_ascii=False).replace("\n", "\r\n").encode()
        strava.simulator.set_raw(one, summary=b"\n" + pretty + b"\n")
    assert connected("flow", "--only-changed", "--json").done().json["status"] == "ok"
    assert connected.one("select count(*) from activities") == 60
    assert connected.one(
        f"select name from activities where id = {first}"
    ) == 'two\nlines \\ and "quotes" and {{ [ ,'.replace("{{", "{")


@pytest.mark.slow
def test_a_broken_element_in_a_pretty_page(connected: Cli, strava: Strava) -> None:
    """The page is cut up right where brackets, quotes and escapes stand inside strings."""
    tricky = strava.ids[2]
    strava.simulator.edit(tricky, name='], {"id": 5}, \\" [', description="x")
    strava.simulator.set_raw(strava.ids[1], summary=b'{"id":%d,\n "name":"\xff \\\\"}' % strava.ids[1])
    outcome = connected("flow", "--only-changed", "--json").done()
    assert outcome.json["status"] == "partial"
    assert {row[0] for row in connected.rows("select id from activities")} == set(strava.ids) - {strava.ids[1]}
    assert connected.one(f"select name from activities where id = {tricky}") == '], {"id": 5}, \\" ['


@pytest.mark.slow
def test_broken_details(flowed: Cli, strava: Strava) -> None:
    """Details that are no clean JSON are named and kept as sent; the others come, and the old rows stay."""
    sent = {
        one: strava.detail_bytes(one).replace(*broken, 1)
        for one, broken in zip(strava.ids, BROKEN.values(), strict=False)
    }
    for one, body in sent.items():
        assert body != strava.detail_bytes(one)
        strava.simulator.set_raw(one, detail=body)
    good = strava.ids[30]
    strava.simulator.edit(good, description="good")
    outcome = flowed("enrich", "--ids", ",".join(map(str, [*sent, good])), "--json").done()
    assert outcome.json["status"] == "partial"
    assert all(any(str(one) in note for note in outcome.json["notes"]) for one in sent)
    kept = {
        line["id"]: base64.b64decode(line["base64"]) for line in bodies(flowed, "activity_details") if "base64" in line
    }
    assert kept == sent
    assert flowed.one("select count(*) from activity_details") == 60
    assert flowed.one(f"select description from activity_details where activity_id = {good}") == "good"
    assert {row[0] for row in flowed.rows("select id from quarantine")} == {str(one) for one in sent}


ODD_PARTS = {
    "calories": b'"many"',
    "laps": b'{"not":"a list"}',
    "splits_metric": b"[1,2]",
    "segment_efforts": b'[{"id":"x"},null]',
    "best_efforts": b'"none"',
    "gear": b"[]",
    "map": b"null",
}


@pytest.mark.slow
def test_details_that_do_not_fit(flowed: Cli, strava: Strava) -> None:
    """A part of the details that is of another kind than ever seen stops nothing: the rest has its rows."""
    odd = dict(zip(strava.ids, ODD_PARTS.items(), strict=False))
    for one, (key, value) in odd.items():
        body = json.loads(strava.detail_bytes(one)) | {"description": f"odd {key}", key: "PLACE"}
        text = json.dumps(body, ensure_ascii=False).encode().replace(b'"PLACE"', value)
        strava.simulator.set_raw(one, detail=text)
    good = strava.ids[30]
    strava.simulator.edit(good, description="good")
    flowed("enrich", "--ids", ",".join(map(str, [*odd, good]))).done()
    for _ in range(2):
        found = dict(flowed.rows("select activity_id, description from activity_details"))
        assert len(found) == 60
        assert {one: found[one] for one in odd} == {one: f"odd {key}" for one, (key, _) in odd.items()}
        assert found[good] == "good"
        flowed("compact", "--rebuild").done()


@pytest.mark.slow
def test_details_of_another_activity(flowed: Cli, strava: Strava) -> None:
    """An answer about another activity than asked for is not believed."""
    bad, other = strava.ids[0], strava.ids[1]
    strava.simulator.set_raw(bad, detail=strava.detail_bytes(other))
    outcome = flowed("enrich", "--ids", bad, "--json").done()
    assert outcome.json["status"] == "partial"
    assert flowed.one("select count(*) from activity_details") == 60


@pytest.mark.slow
def test_a_very_long_description(flowed: Cli, strava: Strava) -> None:
    """Details of two megabytes are loaded whole; larger ones than can be read are named."""
    long, longer = strava.ids[0], strava.ids[1]
    strava.simulator.edit(long, description="é" * 1_000_000)
    strava.simulator.edit(longer, description="x" * 5_000_000)
    outcome = flowed("enrich", "--ids", f"{long},{longer}", "--json").done()
    assert outcome.json["status"] == "partial"
    assert flowed.one(f"select length(description) from activity_details where activity_id = {long}") == 1_000_000
    assert any(str(longer) in note for note in outcome.json["notes"])
    flowed("compact", "--rebuild").done()


@pytest.mark.slow
def test_a_very_long_summary(connected: Cli, strava: Strava) -> None:
    """A summary that is larger than the reader takes is one bad thing, not the end of the pull."""
    strava.simulator.edit(strava.ids[0], name="x" * 5_000_000)
    connected("flow", "--only-changed").done()
    assert connected.one("select count(*) from activities") >= 59
    connected("compact", "--rebuild").done()


@pytest.mark.slow
def test_a_broken_athlete_and_gear(connected: Cli, strava: Strava) -> None:
    """A profile that is no clean JSON costs only itself."""
    strava.simulator.add_fault("body", path="/athlete", body=b'{"id":5,"name":"\xff"}')
    strava.simulator.add_fault("body", path="/gear/*", body=b'{"id":7}')
    connected("flow", "--backfill").done()
    assert connected.one("select count(*) from activity_details") == 60
    connected("compact", "--rebuild").done()
