import pytest
from tests.support.configs import node, variables

from hx_gateway.config.redis_parts import RedisParts
from hx_gateway.config.report import Report
from hx_gateway.config.settings import Candidate


def addresses(text: str = "{}", **env: str) -> tuple[list[Candidate], Report]:
    report = Report()
    return RedisParts(node(text), variables(**env), report).addresses(), report


SENTINELS = """
litellm_settings:
  cache_params:
    sentinel_nodes: [[a, 1], ['::1', '2']]
    service_name: main
    sentinel_password: s
"""
OWN_PASSWORD = """
litellm_settings:
  cache_params:
    sentinel_nodes: [[a, 1]]
    service_name: a/b
    sentinel_password: s
    username: u
    password: p
    ssl: true
    db: 3
"""
CLUSTER = """
litellm_settings:
  cache_params:
    redis_startup_nodes: [{host: a, port: '7001'}, {host: b}]
    password: p
"""


@pytest.mark.parametrize(
    ("text", "env", "url"),
    [
        (
            "{}",
            {"REDIS_HOST": "h", "REDIS_PORT": "6379", "REDIS_PASSWORD": "p!@", "REDIS_DB": "1"},
            "redis://:p%21%40@h:6379/1",
        ),
        (
            "{}",
            {"REDIS_HOST": "h", "REDIS_SSL": "true", "REDIS_USERNAME": "u"},
            "rediss://u@h",
        ),
        (
            "router_settings: {redis_host: h, redis_port: 6380, redis_password: p}",
            {},
            "redis://:p@h:6380",
        ),
        ("litellm_settings: {cache_params: {type: redis, host: h, port: 1}}", {}, "redis://h:1"),
        (
            "litellm_settings: {cache_params: {type: valkey-semantic}}",
            {"VALKEY_HOST": "h", "VALKEY_PORT": "6380", "VALKEY_PASSWORD": "p"},
            "redis://:p@h:6380",
        ),
        (
            "litellm_settings: {cache_params: {type: redis}}",
            {"VALKEY_HOST": "other", "REDIS_HOST": "h"},
            "redis://h",
        ),
        (
            "litellm_settings: {cache_params: {host: h}}",
            {"REDIS_PORT": "1", "REDIS_PASSWORD": "p", "REDIS_USERNAME": "u", "REDIS_DB": "2"},
            "redis://u:p@h:1/2",
        ),
        (
            "litellm_settings: {cache_params: {host: h, ssl: true, ssl_cert_reqs: CERT_NONE}}",
            {"REDIS_SSL_CA_CERTS": "/ca.pem"},
            "rediss://h?ssl_ca_certs=%2Fca.pem&ssl_cert_reqs=none",
        ),
        ("litellm_settings: {cache_params: {host: h, ssl_cert_reqs: none}}", {}, "redis://h"),
        (
            SENTINELS,
            {},
            "redis+sentinel://:s@a:1,[::1]:2/main/0",
        ),
        (
            OWN_PASSWORD,
            {},
            "rediss+sentinel://u:p@a:1/a%2Fb/3",
        ),
        (
            "{}",
            {"REDIS_SENTINEL_NODES": '[["a", 1]]', "REDIS_SERVICE_NAME": "m", "REDIS_HOST": "x"},
            "redis+sentinel://a:1/m/0",
        ),
        (
            CLUSTER,
            {},
            "redis+cluster://:p@a:7001,b:6379",
        ),
        (
            "router_settings: {redis_host: x}",
            {"REDIS_CLUSTER_NODES": '[{"host": "a", "port": 7001}]', "REDIS_PASSWORD": "p"},
            "redis+cluster://:p@a:7001",
        ),
    ],
)
def test_the_address_is_put_together_as_litellm_does(
    text: str, env: dict[str, str], url: str
) -> None:
    found, report = addresses(text, **env)
    assert {str(each.value) for each in found} == {url}
    assert report.problems == []


def test_without_any_part_there_is_no_address() -> None:
    found, report = addresses("litellm_settings: {cache_params: {sentinel_nodes: []}}")
    assert (found, report.problems) == ([], [])


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"REDIS_SENTINEL_NODES": '[["a", 1]]'}, "service_name is not"),
        ({"REDIS_SENTINEL_NODES": "a:1", "REDIS_SERVICE_NAME": "m"}, "REDIS_SENTINEL_NODES: must"),
        ({"REDIS_SENTINEL_NODES": '[["a", 0]]', "REDIS_SERVICE_NAME": "m"}, '[["host", 26379]]'),
        ({"REDIS_CLUSTER_NODES": '["canary"]'}, 'such as [{"host": "h", "port": 6379}]'),
        ({"REDIS_CLUSTER_NODES": "[]"}, "REDIS_CLUSTER_NODES: must be a list"),
    ],
)
def test_nodes_that_cannot_be_read_are_a_problem(env: dict[str, str], says: str) -> None:
    found, report = addresses(**env)
    assert found == []
    assert says in report.problems[0]
    assert "canary" not in report.problems[0]
