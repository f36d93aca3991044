from hx_gateway.core.answers import answer_label


def test_a_label_tells_tenants_and_names_apart_and_shows_no_tenant() -> None:
    labels = {answer_label(tenant, name) for tenant in ("acme", "other") for name in ("a", "b")}
    assert len(labels) == 4
    assert not any("acme" in label for label in labels)
    assert all(label.endswith(("-a", "-b")) for label in labels)
