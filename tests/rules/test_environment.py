"""CFG-19: tests speak to this machine only, and inherit nothing that configures a gateway."""

import re
from collections.abc import Iterable

import pytest
from tests.support.served import PASSED_ON
from tests.support.tree import ROOT

from hx_gateway.config.options import OPTIONS

STORES = re.compile(r"(?:postgres(?:ql)?(?:\+\w+)?|rediss?|http)://([^\s\"'`<>/]*)")
# Loopback, names and networks that exist nowhere (RFC 2606, RFC 5737), the address of a cloud's
# own machine, which is asked to be refused, and what a test puts together.
NOWHERE = re.compile(
    r"127(\.\d+){3}|localhost|::1|(192\.0\.2|198\.51\.100|203\.0\.113|169\.254\.169)\.\d+|[{%$]|"
    r"(^|[.@])(example|invalid|test|internal|local)\b|\bexample\.(com|org|net)\b"
)
READS = re.compile(r"environ(?:\.get)?[\[(]\s*[\"'](\w+)[\"']")
OWN = {"tests/rules/test_environment.py", "tests/rules/test_privacy.py"}  # show what is seen


def foreign(text: str) -> list[str]:
    """Addresses of servers that may be somebody's."""
    return [each for each in STORES.findall(text) if "." in each and not NOWHERE.search(each)]


def configuring(names: Iterable[str]) -> list[str]:
    """Those names that configure a gateway."""
    known = {name for option in OPTIONS for name in (*option.env, *option.off_env)}
    return sorted(known & set(names))


def test_cfg_19_no_test_speaks_to_a_server_of_somebody() -> None:
    found = {}
    for path in (ROOT / "tests").rglob("*.py"):
        name = str(path.relative_to(ROOT))
        if name not in OWN and (those := foreign(path.read_text(encoding="utf-8"))):
            found[name] = those
    assert found == {}


def test_cfg_19_nothing_that_configures_a_gateway_is_inherited() -> None:
    assert configuring(PASSED_ON) == []
    reads = {
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in READS.findall(path.read_text(encoding="utf-8"))
    }
    assert configuring(reads - {"DATABASE_URL"}) == []  # which one test sees to be absent


@pytest.mark.parametrize(
    "text",
    ["postgresql://u:p@db.acme.net/x", "redis://cache.acme.net:6379/0", "http://gpu1.lan:11434"],
)
def test_an_address_of_somebody_is_seen(text: str) -> None:
    assert len(foreign(text)) == 1
    assert foreign("postgresql://u:p@127.0.0.1:5432/x http://db.example:80 redis://localhost") == []
    assert configuring(["PATH", "REDIS_URL"]) == ["REDIS_URL"]
