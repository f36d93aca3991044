"""The documentation page: all our own, nothing inline, nothing from elsewhere."""

import re

import pytest
from tests.support.keystore import SwitchedStore
from tests.support.web import Browser

from hx_gateway.web import docs

PATHS = ["/docs", "/docs/docs.css", "/docs/docs.js"]


def browser() -> Browser:
    return Browser(SwitchedStore()).open(docs.endpoints())


@pytest.mark.parametrize("path", PATHS)
async def test_each_part_is_served_under_a_strict_policy(path: str) -> None:
    answer = await browser().get(path, key=None)
    assert answer.status == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "*" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_is_fetched_from_elsewhere(path: str) -> None:
    text = (await browser().get(path, key=None)).body.decode()
    assert not re.search(r"https?:|url\(|//[a-z]+\.", text)


async def test_the_page_has_nothing_inline_and_names_parts_that_exist() -> None:
    it = browser()
    page = (await it.get("/docs", key=None)).body.decode()
    assert not re.search(r"<style|style=| on[a-z]+=|<script(?![^>]*src=)", page)
    for part in re.findall(r'(?:src|href)="(docs/[^"]+)"', page):
        assert (await it.get(f"/{part}", key=None)).status == 200


async def test_the_script_writes_no_markup() -> None:
    script = (await browser().get("/docs/docs.js", key=None)).body.decode()
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert sink not in script


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_bare_address_leads_to_the_page(method: str) -> None:
    """It was a 401: people took the gateway for broken, and balancers for down."""
    answer = await browser().ask(method, "/", key=None)
    assert (answer.status, answer.headers["location"], answer.body) == (307, "docs", b"")
