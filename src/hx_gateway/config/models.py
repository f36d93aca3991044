"""Compile `model_list` into deployments: one upstream model, address, credential and price each."""

import hashlib
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Raw

from hx_gateway.config.anybody import anybody
from hx_gateway.config.document import Node
from hx_gateway.config.embedded import full_url
from hx_gateway.config.environment import Environment
from hx_gateway.config.fields import FieldReader
from hx_gateway.config.known import Keys, check_model_keys
from hx_gateway.config.origin import parse_base_url, split_version
from hx_gateway.config.params import gather
from hx_gateway.config.passing import Passing
from hx_gateway.config.policies import read_allowance
from hx_gateway.config.prices import FIELDS, read_price
from hx_gateway.config.report import Place, Report
from hx_gateway.core import wire
from hx_gateway.core.facts import FEATURES, Catalogue, ModelFacts, listed_as
from hx_gateway.core.http import Deadlines, Header, Origin
from hx_gateway.core.provider import Provider
from hx_gateway.core.route import Deployment, OnDisconnect
from hx_gateway.core.secret import Secret
from hx_gateway.core.usage import Price
from hx_gateway.providers.registry import UnknownProvider, find_provider

PARAMS = ("forward", "strict", "drop")
_DROP_ADVICE = "names of parameters belong under additional_drop_params"
# Headers that the client writes itself; two of them would be read differently by two parties.
_OWN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "te", "upgrade"}
)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment and the public name that it was listed under, with its `litellm_params`."""

    name: str
    deployment: Deployment
    access_groups: tuple[str, ...] = ()
    place: Place
    params: FieldReader | None = None


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What all entries are compiled with. `sockets`: where local models listen, by model name."""

    environment: Environment
    report: Report
    known: Mapping[str, Keys]
    prices: Catalogue
    credentials: Mapping[str, Node]
    defaults: Mapping[str, Node] = {}
    sockets: Mapping[str, str]
    timeout: float | None = None
    stream_timeout: float | None = None
    on_disconnect: OnDisconnect = OnDisconnect()
    passing: Passing = Passing()
    drop_params: bool = False
    modify_params: bool = False
    allowed_fails: Mapping[str, int] = {}
    max_parallel: int | None = None
    strict: bool = False


def compile_models(models: Node, around: Surroundings) -> list[Entry]:
    """Compile all entries; those with problems are left out."""
    if not isinstance(models.value, list):
        around.report.problem(models.place, "model_list", "must be a list of models")
        return []
    entries: list[Entry] = []
    for index, node in enumerate(models.value):
        for entry in _compile(node, f"model_list[{index}]", around):
            entries.append(_with_own_id(entry, entries, around.report))
    return entries


def _with_own_id(entry: Entry, before: list[Entry], report: Report) -> Entry:
    """Keep ids apart: equal entries (two keys of one account, say) are numbered in order."""
    taken = {other.deployment.id for other in before}
    id_, number = entry.deployment.id, 2
    if id_ not in taken:
        return entry
    if "id" in entry.deployment.info:
        report.problem(entry.place, "model_info.id", f"{id_!r} stands twice; ids must differ")
    while f"{id_}-{number}" in taken:
        number += 1
    deployment = msgspec.structs.replace(entry.deployment, id=f"{id_}-{number}")
    return msgspec.structs.replace(entry, deployment=deployment)


def _compile(node: Node, path: str, around: Surroundings) -> Iterator[Entry]:
    top = FieldReader(node, path, around.report)
    if not isinstance(node.value, dict) or node.get("litellm_params") is None:
        around.report.problem(node.place, path, "must have model_name and litellm_params")
        return
    check_model_keys(node, path, around.known, around.report)
    name = top.text("model_name")
    if name is None:
        top.problem("model_name", "is missing; give the public name of the model")
        return
    info = FieldReader(
        node.get("model_info") or Node({}, node.place), f"{path}.model_info", around.report
    )
    if info.flag("blocked") or not _is_meant_for_here(info, around.environment):
        return
    params = gather(node, path, around.credentials, around.defaults, around.report)
    if params.text("model") == "*":
        for vendor in anybody(node, params, around.environment):
            yield from _compile(vendor, path, around)
        return
    deployment = _ModelCompiler(name, params, info, around).compile()
    if deployment is not None:
        groups = info.texts("access_groups")
        for each in _by_organization(deployment, params.texts("organization")):
            yield Entry(
                name=name, deployment=each, access_groups=groups, place=node.place, params=params
            )


def _is_meant_for_here(info: FieldReader, environment: Environment) -> bool:
    """Whether a model is offered where we run; `supported_environments` may say that it is not."""
    places = info.texts("supported_environments")
    here = environment.text("LITELLM_ENVIRONMENT")
    if places and here is None:
        info.problem("supported_environments", "needs LITELLM_ENVIRONMENT; set it to one of them")
    return not places or here in places


def _by_organization(deployment: Deployment, names: tuple[str, ...]) -> Iterator[Deployment]:
    """Make one deployment for each organisation of the vendor's account."""
    if not names:
        yield deployment
    for name in names:
        # `<vendor>-Organization` is the header of the one vendor that has organisations.
        header = (f"{deployment.provider.name}-organization".encode(), name.encode())
        id_ = deployment.id if len(names) == 1 else f"{deployment.id}-{name}"
        headers = (*deployment.headers, header)
        yield msgspec.structs.replace(deployment, id=id_, headers=headers)


class _ModelCompiler:
    """Compiles one entry."""

    def __init__(
        self, name: str, params: FieldReader, info: FieldReader, around: Surroundings
    ) -> None:
        self._name = name
        self._params = params
        self._info = info
        self._around = around

    def compile(self) -> Deployment | None:
        """Give the deployment; None after a problem that leaves nothing to compile."""
        params, info = self._params, self._info
        found = self._provider()
        if found is None:
            return None
        provider, model = found
        address = self._address(provider, model)
        if address is None:
            return None
        key, facts = self._facts(provider, model)
        deadlines, first_byte = self._deadlines()
        order, cooldown = params.whole("order"), params.number("cooldown_time")
        return Deployment(
            id=info.text("id") or self._stable_id(),
            provider=provider,
            model=model,
            origin=address[0],
            base_path=address[1],
            credential=self._credential(provider),
            headers=self._headers(),
            deadlines=deadlines,
            stream_first_byte=first_byte,
            defaults=self._defaults(),
            params=self._contract(),
            dropped=params.texts("additional_drop_params"),
            allowed=frozenset(params.texts("allowed_openai_params")),
            mends=self._around.modify_params,
            price=self._price(provider, facts),
            mode=info.text("mode") or facts.mode,
            order=0 if order is None else order,
            weight=params.number("weight"),
            rpm=params.whole("rpm"),
            tpm=params.whole("tpm"),
            max_parallel=params.whole("max_parallel_requests", low=1) or self._around.max_parallel,
            tags=params.texts("tags"),
            tag_regex=params.patterns("tag_regex"),
            tag_filtering=info.switch("enable_tag_filtering"),
            max_input_tokens=info.whole("max_input_tokens") or facts.max_input,
            max_output_tokens=info.whole("max_output_tokens") or facts.max_output,
            cooldown_s=info.number("cooldown_time") if cooldown is None else cooldown,
            allowed_fails=read_allowance(info, self._around.report, self._around.allowed_fails),
            max_retries=self._retries(),
            region=params.text("region_name") or info.text("region_name"),
            canned=params.text("mock_response"),
            on_disconnect=params.on_disconnect("on_disconnect") or self._around.on_disconnect,
            passes_headers=self._around.passing.applies(self._name),
            api_version=self._version(provider),
            info=self._shown_info(),
            listed_as=key,
            supports=self._supports(facts),
        )

    def _provider(self) -> tuple[Provider, str] | None:
        model = self._params.text("model")
        if model is None:
            self._params.problem("model", "is missing; write provider/model")
            return None
        named = self._params.text("custom_llm_provider")
        try:
            return find_provider(model, named=named, api_base=self._params.text("api_base"))
        except UnknownProvider:
            # Whoever comes from LiteLLM has such models; the others must not wait for them.
            place = (self._params.node.get("model") or self._params.node).place
            what = f"the provider of {model!r} is not supported (yet), so it is left out"
            advice = "" if "/" in model or named else "; write provider/model"
            self._around.report.no_effect(place, f"{self._params.path}.model", what + advice)
            return None

    def _address(self, provider: Provider, model: str) -> tuple[Origin, str] | None:
        if provider.local:
            return self._local_address(model)
        url, place = self._base_url(provider)
        if url is None:
            self._params.problem("api_base", f"is missing; {provider.name} has no default address")
            return None
        if provider.version_env:
            url, _ = split_version(url)
        verify = self._params.node.get("ssl_verify")
        try:
            return parse_base_url(url, verify_tls=verify is None or self._params.flag("ssl_verify"))
        except ValueError as error:
            path = f"{self._params.path}.api_base"
            self._around.report.problem(place, path, str(error))
            return None

    def _local_address(self, model: str) -> tuple[Origin, str] | None:
        socket = self._around.sockets.get(model)
        if socket is None:
            names = ", ".join(self._around.sockets)
            self._params.problem("model", f"is no local model; there are {names}")
            return None
        return Origin(socket_path=socket), "/v1"

    def _base_url(self, provider: Provider) -> tuple[str | None, Place]:
        for name in ("api_base", "base_url"):
            if (url := self._params.text(name)) is not None:
                return url, (self._params.node.get(name) or self._params.node).place
        for name in provider.base_env:
            if (variable := self._around.environment.get(name)) is not None:
                return full_url(variable.value, provider.base_url), variable.place
        return provider.base_url, self._params.node.place

    def _version(self, provider: Provider) -> str | None:
        """Read the version of a vendor's API, where it has several at one address."""
        version = self._params.text("api_version")
        if provider.version_env:
            version = version or split_version(self._base_url(provider)[0] or "")[1]
        for name in provider.version_env:
            version = version or self._around.environment.text(name)
        return version

    def _credential(self, provider: Provider) -> Secret | None:
        for name in ("api_key", *provider.key_params):
            if (own := self._params.secret(name)) is not None:
                return own
        for name in provider.key_env:
            if (value := self._around.environment.text(name)) is not None:
                return Secret(value)
        if provider.needs_key and self._params.node.get("api_base") is None and self._is_called():
            names = " or ".join(provider.key_env) or "the credential"
            note = (
                self._around.report.problem if self._around.strict else self._around.report.warning
            )
            note(
                self._params.node.place, f"{self._params.path}.api_key", f"is missing; set {names}"
            )
        return None

    def _is_called(self) -> bool:
        return self._params.node.get("mock_response") is None

    def _headers(self) -> tuple[Header, ...]:
        merged: dict[str, str] = {}
        for key in ("headers", "extra_headers"):
            node = self._params.node.get(key)
            for name, value in node.members() if node is not None else ():
                text = str(value.value)
                if not _is_header(name, text):
                    self._params.problem(key, f"header {name!r} cannot be sent")
                else:
                    merged[name.lower()] = text
        return tuple((name.encode(), text.encode("latin-1")) for name, text in merged.items())

    def _deadlines(self) -> tuple[Deadlines, float | None]:
        """Read LiteLLM's timeouts: each is the longest silence, not the length of an answer."""
        given = self._params.number("timeout", low=0.001)
        if given is None:
            given = self._params.number("request_timeout", low=0.001)
        timeout = self._around.timeout if given is None else given
        stream = self._params.number("stream_timeout", low=0.001)
        first_byte = self._around.stream_timeout if stream is None else stream
        plain = Deadlines()
        if timeout is None:
            return plain, first_byte
        total = plain.total if plain.total is None else max(plain.total, timeout)
        connect = min(plain.connect, timeout)
        return Deadlines(connect=connect, first_byte=timeout, idle=timeout, total=total), first_byte

    def _defaults(self) -> dict[str, Raw]:
        """Keep what LiteLLM does not know as fields of the body, as LiteLLM does."""
        known = self._around.known["litellm_params"].all
        fields = {
            k: n for k, n in self._params.node.members() if k not in known and n.value is not None
        }
        extra = self._params.node.get("extra_body")
        if extra is not None:
            fields.update(extra.members())
        fields.pop("stream", None)  # only who asks can say whether they can read a stream
        return {key: wire.raw(node.plain()) for key, node in fields.items()}

    def _contract(self) -> str:
        params = self._params.text("params")
        if params is not None and params not in PARAMS:
            self._params.problem("params", f"must be one of {', '.join(PARAMS)}")
        if params is None:
            drop = self._params.mild_switch("drop_params", _DROP_ADVICE)
            return "drop" if (self._around.drop_params if drop is None else drop) else "forward"
        return params

    def _facts(self, provider: Provider, model: str) -> tuple[str | None, ModelFacts]:
        base = self._info.text("base_model") or self._params.text("base_model")
        names = [*([base] if base else []), *listed_as(provider, model)]
        return self._around.prices.look_up(*names)

    def _supports(self, facts: ModelFacts) -> frozenset[str]:
        """Say what the model can do: as the table knows, unless `model_info` says otherwise."""
        given = {each for each in FEATURES if self._info.node.get(f"supports_{each}") is not None}
        said = {each for each in given if self._info.flag(f"supports_{each}")}
        return (facts.features - given) | said

    def _price(self, provider: Provider, facts: ModelFacts) -> Price | None:
        custom = {field: self._custom_price(name) for name, field in FIELDS.items()}
        given = {field: price for field, price in custom.items() if price is not None}
        if given:
            base = facts.price or Price()
            return msgspec.structs.replace(base, **given)
        return facts.price or (Price() if provider.local else None)

    def _custom_price(self, name: str) -> int | None:
        for reader in (self._params, self._info):
            node = reader.node.get(name)
            if node is not None:
                try:
                    return read_price(node.value)
                except ValueError as error:
                    reader.problem(name, str(error))
        return None

    def _retries(self) -> int | None:
        own = self._params.whole("max_retries")
        return self._params.whole("num_retries") if own is None else own

    def _shown_info(self) -> dict[str, Raw]:
        info = {key: wire.raw(node.plain()) for key, node in self._info.node.members()}
        if (version := self._params.text("api_version")) is not None:
            info["api_version"] = wire.raw(version)
        return info

    def _stable_id(self) -> str:
        """Hash what the entry says except its credential, so that a rotated key keeps the id."""
        plain = {
            key: node.plain()
            for key, node in self._params.node.members()
            if not any(word in key for word in ("key", "secret", "token", "password", "header"))
        }
        data = msgspec.json.encode([self._name, plain], order="sorted")
        return hashlib.sha256(data).hexdigest()[:32]


def _is_header(name: str, value: str) -> bool:
    sendable = name.isascii() and all(c.isalnum() or c in "-_" for c in name) and name != ""
    clean = all(c == "\t" or (32 <= ord(c) < 256 and c != "\x7f") for c in value)
    return sendable and clean and name.lower() not in _OWN_HEADERS
