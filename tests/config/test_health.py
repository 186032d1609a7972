"""The health address."""

import pytest

from config import health


@pytest.mark.django_db
def test_healthy_site_says_so(client):
    response = client.get("/healthz")

    assert response.status_code == 200
    assert response.json() == {"database": "ok", "queue": "ok"}
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.django_db
@pytest.mark.parametrize("part", ["database", "queue"])
def test_a_part_that_is_down_is_named(client, monkeypatch, part):
    monkeypatch.setattr(health, f"_{part}_answers", lambda: False)

    response = client.get("/healthz")

    assert response.status_code == 503
    assert response.json()[part] == "down"


@pytest.mark.django_db
def test_every_response_carries_the_content_policy(client):
    policy = client.get("/healthz").headers["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "unsafe-eval" not in policy
    assert "script-src" not in policy  # falls back to 'self': no inline script
