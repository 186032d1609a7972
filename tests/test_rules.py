"""Rules of the house that no single module keeps."""

import ast
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from tests import isolation

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "templates"
ROOMS = ("config", "curation", "annotation", "scoring")
MODEL_LIBRARIES = ("torch", "torchvision", "transformers", "open_clip", "rapidocr", "onnxruntime", "cv2")


def sources() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def test_web_process_loads_no_library_of_models():
    code = (
        "import django, sys; django.setup(); import config.urls, config.wsgi, django.urls;"
        "list(django.urls.get_resolver().reverse_dict);"
        f"print([name for name in {MODEL_LIBRARIES!r} if name in sys.modules])"
    )

    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


def test_no_connection_leaves_this_machine():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as abroad,
        pytest.raises(RuntimeError, match="this machine only"),
    ):
        abroad.connect(("192.0.2.1", 80))


def test_no_name_abroad_is_looked_up():
    with pytest.raises(RuntimeError, match="this machine only"):
        socket.create_connection(("example.org", 80), timeout=1)


def test_loopback_stays_open():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


def test_settings_name_the_place_of_this_process(settings):
    """Under xdist each worker has its own; a shared queue or media folder would mix their tests."""
    assert settings.DATA_DIR == isolation.SLOT
    assert str(isolation.SLOT) in settings.CELERY_BROKER_URL
    assert settings.MEDIA_ROOT == isolation.SLOT / "media"


def settings_read() -> set[str]:
    """The names given to the readers of `config.env`, with the _FILE form left out."""
    readers = {"text", "secret", "boolean", "integer", "words", "choice", "folder"}
    names = set()
    for path in (ROOT / "config").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "env"
                and node.func.attr in readers
            ):
                assert isinstance(node.args[0], ast.Constant), f"{path}: a setting's name is written out"
                names.add(node.args[0].value)
    return names | {"PAIRWRIGHT_ENV_FILE"}


def test_every_setting_is_in_the_example_and_nothing_else_is():
    example = (ROOT / ".env.example").read_text(encoding="utf-8")

    explained = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", example, flags=re.M))

    assert explained == settings_read()


def test_every_setting_in_the_example_has_words_before_it():
    groups = (ROOT / ".env.example").read_text(encoding="utf-8").split("\n\n")
    for group in groups:
        lines = group.strip().splitlines()
        if any(re.match(r"#?[A-Z][A-Z0-9_]+=", line) for line in lines):
            assert re.match(r"# [A-Z01].*", lines[0]), f"no reason is given: {lines[0]}"


def test_only_the_strict_readers_read_the_environment():
    """Elsewhere a setting would be neither documented nor checked."""
    allowed = {ROOT / "config" / "env.py"}
    offenders = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sources()
        if path not in allowed
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"(environ\.get\(|environ\[|getenv\()f?.(PAIRWRIGHT_|DATABASE_URL|REDIS_URL)", line)
    ]

    assert offenders == []


def test_models_and_migrations_agree():
    call_command("check_migrations")


@pytest.mark.django_db
def test_django_finds_nothing_to_warn_of():
    call_command("check", fail_level="WARNING")


def test_eager_tasks_are_for_unit_tests_only():
    word = "task_always_" + "eager"
    found = [path for path in sources() if word in path.read_text(encoding="utf-8").lower()]

    assert found == []


def test_locks_fit_a_host_without_a_graphics_card():
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()[1:]
        assert "torch==2.13.0" in lines
        assert all(re.fullmatch(r"[a-z0-9._-]+(\[[a-z0-9,_-]+\])?==[A-Za-z0-9.!]+", line) for line in lines), name
        assert not [line for line in lines if line.startswith(("nvidia", "cuda", "triton"))]


def test_the_lock_of_the_application_is_part_of_the_lock_of_development():
    application, development = (
        set((ROOT / name).read_text(encoding="utf-8").splitlines())
        for name in ("requirements.txt", "requirements-dev.txt")
    )

    assert application <= development


def test_every_direct_dependency_is_locked_and_has_a_reason():
    locked = {
        line.split("==")[0].replace("_", "-").lower()
        for line in (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    declared = re.findall(r'^  "([A-Za-z0-9_.-]+)[^"]*",(.*)$', section("dependencies") + section("dev"), flags=re.M)

    assert len(declared) > 30
    for name, reason in declared:
        assert name.replace("_", "-").lower() in locked, f"{name} is not locked: make lock"
        assert re.search(r"# \w+", reason), f"{name} has no reason"


def section(name: str) -> str:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(rf"^{name} = \[\n(.*?)^\]", text, flags=re.M | re.S)
    assert found
    return found[1]


def test_static_files_can_be_collected_under_hashed_names(settings, tmp_path):
    """A style sheet or a module that names a missing file would stop a real server's start."""
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": "config.static_files.HashedStaticFiles"}}
    settings.STATIC_ROOT = tmp_path

    call_command("collectstatic", interactive=False, verbosity=0)

    assert list(tmp_path.rglob("*.css"))


def test_no_page_puts_a_whole_form_into_an_address():
    """A server refuses addresses of more than some thousand characters, and forms grow with what there is to choose."""
    for path in TEMPLATES.rglob("*.html"):
        for tag in re.findall(r"<[^<>]*hx-get=[^<>]*hx-include=[^<>]*>", path.read_text(encoding="utf-8")):
            named = re.search(r'hx-params="(?!not )[^"]+"', tag)
            assert named, f"{path.name}: send it by hx-post, or name a few fields: {tag}"
