"""The strict readers of settings."""

import os
import subprocess
import sys

import pytest

from config import database, env, folders, secret_key
from config.env import SettingError


@pytest.fixture
def setting(monkeypatch):
    return lambda value, name="A_SETTING": monkeypatch.setenv(name, value)


def test_a_missing_setting_is_named_and_explained():
    with pytest.raises(SettingError, match=r"A_SETTING is not set\. Ask the owner\. Set it in .*\.env\.example"):
        env.text("A_SETTING", hint="Ask the owner.")


@pytest.mark.parametrize(("written", "meant"), [("0", False), ("1", True), ("", True), (" 0 ", False)])
def test_a_boolean_is_0_or_1(setting, written, meant):
    setting(written)

    assert env.boolean("A_SETTING", default=True) is meant


@pytest.mark.parametrize("written", ["true", "false", "no", "2", "on"])
def test_any_other_boolean_is_refused(setting, written):
    setting(written)

    with pytest.raises(SettingError, match=f"A_SETTING is '{written}'. Write 1 for yes or 0 for no"):
        env.boolean("A_SETTING", default=False)


@pytest.mark.parametrize("written", ["0", "11", "3.5", "many", "1e1", "1_0"])
def test_an_integer_out_of_its_range_is_refused(setting, written):
    setting(written)

    with pytest.raises(SettingError, match="whole number from 1 to 10"):
        env.integer("A_SETTING", 5, low=1, high=10)


def test_words_are_parted_by_commas(setting):
    setting(" a, b ,,c")

    assert env.words("A_SETTING") == ["a", "b", "c"]


def test_a_choice_is_one_of_the_allowed(setting):
    setting("blue")

    with pytest.raises(SettingError, match="one of: red, green"):
        env.choice("A_SETTING", "red", ("red", "green"))


def test_a_secret_may_come_from_a_file(setting, tmp_path):
    (tmp_path / "secret").write_text("s3cret\n")
    setting(str(tmp_path / "secret"), "A_SETTING_FILE")

    assert env.secret("A_SETTING") == "s3cret"


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_a_secret_file_that_is_absent_or_empty_stops_the_program(setting, tmp_path, content):
    if content is not None:
        (tmp_path / "secret").write_text(content)
    setting(str(tmp_path / "secret"), "A_SETTING_FILE")

    with pytest.raises(SettingError, match="A_SETTING_FILE names"):
        env.secret("A_SETTING", "default")


def test_a_settings_file_gives_what_the_environment_does_not(monkeypatch, tmp_path):
    (tmp_path / "env").write_text("A_SETTING=from the file\nB_SETTING='quoted # kept'\n")
    monkeypatch.setenv("PAIRWRIGHT_ENV_FILE", str(tmp_path / "env"))
    monkeypatch.setenv("A_SETTING", "from the environment")
    env._from_file.cache_clear()

    read = env.text("A_SETTING"), env.text("B_SETTING")

    env._from_file.cache_clear()
    assert read == ("from the environment", "quoted # kept")


def test_a_line_that_is_no_setting_is_named_by_its_number():
    with pytest.raises(SettingError, match="settings, line 3: 'PAIRWRIGHT_DEBUG 1'"):
        env.parse_file("# why\n\nPAIRWRIGHT_DEBUG 1\n", "settings")


def test_the_data_folder_is_never_inside_the_checkout(monkeypatch):
    monkeypatch.setenv("PAIRWRIGHT_DATA", str(env.CHECKOUT / "data"))

    with pytest.raises(SettingError, match="inside the checkout"):
        folders.data()


def test_the_data_folder_is_an_absolute_path(monkeypatch):
    monkeypatch.setenv("PAIRWRIGHT_DATA", "data")

    with pytest.raises(SettingError, match="absolute path"):
        folders.data()


def test_a_database_url_is_read_whole():
    read = database.parse_url("postgresql://ann:p%40ss@db.example.org:5433/pairs?sslmode=require")

    assert read == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "pairs",
        "USER": "ann",
        "PASSWORD": "p@ss",
        "HOST": "db.example.org",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "require"},
    }


def test_a_database_url_may_name_a_socket_folder():
    read = database.parse_url("postgresql://postgres@/pairs?host=/run/postgresql&port=5432")

    assert (read["HOST"], read["PORT"], read["OPTIONS"]) == ("/run/postgresql", "5432", {})


@pytest.mark.parametrize("url", ["sqlite:///a.db", "mysql://host/name", "postgresql://host", "pairs"])
def test_any_other_database_is_refused(url):
    with pytest.raises(SettingError, match="DATABASE_URL"):
        database.parse_url(url)


def test_the_secret_key_is_made_once_and_private(tmp_path):
    first = secret_key.read_or_create(tmp_path)
    second = secret_key.read_or_create(tmp_path)

    assert first == second
    assert len(first) > 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "secret_key"]


def test_a_wrong_setting_is_one_sentence_and_no_traceback():
    said = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=env.CHECKOUT,
        env={**os.environ, "PAIRWRIGHT_DEBUG": "yes"},
        capture_output=True,
        text=True,
    )

    assert said.returncode == 1
    assert said.stderr == "A setting is wrong. PAIRWRIGHT_DEBUG is 'yes'. Write 1 for yes or 0 for no.\n"
