"""LiteLLM's fields of keys, teams and users that nothing enforces yet: refused by name.

Unless they ask for nothing: a limit that is accepted and does not hold is worse than an error.
"""

from typing import Annotated, ClassVar

import msgspec

NAMES = (
    "agent_id", "aliases", "allowed_cache_controls", "allowed_passthrough_routes",
    "allowed_routes", "allowed_vector_store_indexes", "access_group_ids", "auto_rotate",
    "budget_duration", "budget_fallbacks", "budget_id", "budget_limits", "config",
    "default_team_member_models", "disable_global_guardrails", "end_user_budget_id",
    "enforced_params", "grace_period", "guardrails",
    "max_budget", "max_parallel_requests", "mcp_rpm_limit", "members", "members_with_roles",
    "model_aliases", "model_max_budget",
    "model_rpm_limit", "model_tpm_limit", "object_permission", "organization_id",
    "organizations", "password", "permissions",
    "policies", "project_id", "prompts", "rotation_interval", "router_settings", "rpm_limit",
    "rpm_limit_type", "secret_manager_settings", "send_invite_email", "soft_budget", "sso_user_id",
    "tag_rpm_limit", "tags", "team_member_budget", "team_member_budget_duration",
    "team_member_key_duration", "team_member_permissions", "team_member_rpm_limit",
    "team_member_tpm_limit", "teams",
    "temp_budget_expiry", "temp_budget_increase", "throttle_on_budget_exceeded", "tpd_limit",
    "tpm_limit", "tpm_limit_type",
)  # fmt: skip

_Unsupported = Annotated[
    object, msgspec.Meta(description="Not supported yet: refused unless null or empty.")
]


class Checked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body that refuses fields of `NAMES` that ask for something, but for those it has itself.

    0 asks for something: a budget of nothing is a limit. `spend` 0 and `key_type` default do not.
    """

    refused: ClassVar[tuple[str, ...]] = ()
    spend: float | None = None
    key_type: str | None = None

    def __post_init__(self) -> None:
        """Raise ValueError, which the decoder reports as a broken schema (422)."""
        wanted = [name for name in self.refused if not _asks_nothing(getattr(self, name))]
        if self.spend:
            wanted.append("spend")
        if self.key_type not in {None, "default"}:
            wanted.append("key_type")
        if wanted:
            names = ", ".join(f"'{name}'" for name in wanted)
            raise ValueError(f"Not supported yet, so not accepted: {names}")


def refusing(base: type[Checked]) -> type[msgspec.Struct]:
    """Add the unsupported fields to a body, so that they are known and refused by name."""
    refused = tuple(name for name in NAMES if name not in base.__struct_fields__)
    return msgspec.defstruct(
        base.__name__,
        [(name, _Unsupported, None) for name in refused],
        bases=(base,),
        namespace={"refused": refused},
        module=base.__module__,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


def _asks_nothing(value: object) -> bool:
    return value is None or value is False or value in ([], {}, "")
