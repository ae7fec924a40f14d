"""Each setting: its default, what it takes, what it refuses, and which source wins."""

from __future__ import annotations

import zoneinfo
from pathlib import Path

import duckdb
import pytest

from strava_stats.errors import ConfigurationError
from strava_stats.settings import Settings, load_settings, read_env_file, repo_root

DEFAULTS = {
    "client_id": None,
    "client_secret": None,
    "redirect_uri": "http://localhost/exchange_token",
    "scopes": ("read", "activity:read_all", "profile:read_all"),
    "api_base_url": "https://www.strava.com/api/v3",
    "oauth_base_url": "https://www.strava.com/oauth",
    "per_page": 200,
    "days": 21,
    "full_sweep_days": 7,
    "timezone": "Europe/London",
    "week_start": "monday",
    "ca_bundle": None,
}


def load(root: Path, env_file: str | bytes = "", **environ: str) -> Settings:
    if env_file:
        (root / ".env").write_bytes(env_file if isinstance(env_file, bytes) else env_file.encode())
    return load_settings(environ, root)


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_defaults(tmp_path: Path, name: str, value: object) -> None:
    """Without any source each setting has the default of the contract."""
    assert getattr(load(tmp_path), name) == value


def test_default_folders(tmp_path: Path) -> None:
    """Folders lie below the root by default."""
    settings = load(tmp_path)
    assert (settings.data_dir, settings.secrets_dir, settings.logs_dir) == tuple(
        tmp_path / name for name in ("data", "secrets", "logs")
    )
    assert settings.env_file == tmp_path / ".env"


VALID = [
    ("STRAVA_CLIENT_ID", "12345", "client_id", "12345"),
    ("STRAVA_CLIENT_SECRET", " abc ", "client_secret", "abc"),
    ("STRAVA_REDIRECT_URI", "http://127.0.0.1:8765/cb", "redirect_uri", "http://127.0.0.1:8765/cb"),
    ("STRAVA_SCOPES", "activity:read", "scopes", ("activity:read",)),
    ("STRAVA_SCOPES", "read, activity:read_all", "scopes", ("read", "activity:read_all")),
    ("STRAVA_API_BASE_URL", "https://api-v3.strava.com", "api_base_url", "https://api-v3.strava.com"),
    ("STRAVA_API_BASE_URL", "http://127.0.0.1:8089/api/v3/", "api_base_url", "http://127.0.0.1:8089/api/v3"),
    ("STRAVA_API_BASE_URL", "http://[::1]:8089/api/v3", "api_base_url", "http://[::1]:8089/api/v3"),
    ("STRAVA_OAUTH_BASE_URL", "https://www.strava.com/oauth/", "oauth_base_url", "https://www.strava.com/oauth"),
    ("PER_PAGE", "1", "per_page", 1),
    ("PER_PAGE", " 200 ", "per_page", 200),
    ("DAYS", "0", "days", 0),
    ("DAYS", "36500", "days", 36_500),
    ("FULL_SWEEP_DAYS", "0", "full_sweep_days", 0),
    ("TZ", "Asia/Kathmandu", "timezone", "Asia/Kathmandu"),
    ("TZ", "UTC", "timezone", "UTC"),
    ("TZ", "America/Argentina/Buenos_Aires", "timezone", "America/Argentina/Buenos_Aires"),
    ("WEEK_START", "sunday", "week_start", "sunday"),
    ("WEEK_START", "Monday", "week_start", "monday"),
]


@pytest.mark.parametrize(("name", "value", "attribute", "read"), VALID)
def test_valid_values(tmp_path: Path, name: str, value: str, attribute: str, read: object) -> None:
    """What a setting takes is read with its type, from the environment as from `.env`."""
    assert getattr(load(tmp_path, **{name: value}), attribute) == read
    assert getattr(load(tmp_path, f"{name}={value}\n"), attribute) == read


INVALID = [
    ("STRAVA_REDIRECT_URI", "localhost/exchange_token"),
    ("STRAVA_REDIRECT_URI", "ftp://localhost"),
    ("STRAVA_SCOPES", "read,everything"),
    ("STRAVA_SCOPES", ","),
    ("STRAVA_API_BASE_URL", "www.strava.com/api/v3"),
    ("STRAVA_API_BASE_URL", "https://"),
    ("STRAVA_API_BASE_URL", "https://host:port/api"),
    ("STRAVA_API_BASE_URL", "https://host:99999/api"),
    ("STRAVA_API_BASE_URL", "https://ho st/api"),
    ("STRAVA_API_BASE_URL", "https://[::1/api"),
    ("STRAVA_OAUTH_BASE_URL", "file:///etc/passwd"),
    ("PER_PAGE", "0"),
    ("PER_PAGE", "201"),
    ("PER_PAGE", "-1"),
    ("PER_PAGE", "many"),
    ("PER_PAGE", "1e2"),
    ("PER_PAGE", "10.5"),
    ("PER_PAGE", "٣"),
    ("PER_PAGE", "9" * 5000),
    ("DAYS", "-1"),
    ("DAYS", "36501"),
    ("DAYS", "21 days"),
    ("FULL_SWEEP_DAYS", "weekly"),
    ("TZ", "Mars/Olympus"),
    ("TZ", "../../etc/passwd"),
    ("TZ", "/etc/passwd"),
    ("TZ", "+01:00"),
    ("WEEK_START", "tuesday"),
    ("REQUESTS_CA_BUNDLE", "missing.pem"),
    ("CURL_CA_BUNDLE", "/nowhere/ca.pem"),
    ("SSL_CERT_FILE", "missing.pem"),
]


@pytest.mark.parametrize(("name", "value"), INVALID)
def test_invalid_values(tmp_path: Path, name: str, value: str) -> None:
    """A wrong value is one line that names the variable, the value and what is allowed; exit 78."""
    for environ, env_file in (({name: value}, ""), ({}, f"{name}='{value}'\n")):
        with pytest.raises(ConfigurationError) as raised:
            load(tmp_path, env_file, **environ)
        assert raised.value.exit_code == 78
        assert name in raised.value.message
        assert value[:20] in raised.value.message
        assert len(raised.value.message) < 200
        assert name in raised.value.hint
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", sorted({name for name, *_ in VALID}))
def test_blank_is_the_default(tmp_path: Path, name: str) -> None:
    """An empty or blank value is as good as none, in both sources."""
    for blank in ("", "   "):
        settings = load(tmp_path, f"{name}={blank}\n", **{name: blank})
        assert {key: getattr(settings, key) for key in DEFAULTS} == DEFAULTS


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """The environment wins; what it does not set comes from `.env`."""
    settings = load(tmp_path, "PER_PAGE=50\nDAYS=3\nWEEK_START=sunday\n", PER_PAGE="60", WEEK_START="")
    assert (settings.per_page, settings.days, settings.week_start) == (60, 3, "sunday")


def test_the_environment_heals_a_wrong_file_value(tmp_path: Path) -> None:
    """A wrong value in `.env` does not matter where the environment has a right one."""
    assert load(tmp_path, "PER_PAGE=0\n", PER_PAGE="60").per_page == 60


def test_relative_folders_are_relative_to_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders and files of settings resolve against the root, not against where the user stands."""
    (tmp_path / "corp.pem").write_text("x")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    settings = load(tmp_path, "DATA_DIR=./d\nSECRETS_DIR=s/t\nREQUESTS_CA_BUNDLE=corp.pem\n", LOGS_DIR="/var/log/x")
    assert settings.data_dir == tmp_path / "d"
    assert settings.secrets_dir == tmp_path / "s" / "t"
    assert settings.logs_dir == Path("/var/log/x")
    assert settings.ca_bundle == tmp_path / "corp.pem"


def test_folders_of_the_command_line_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder on the command line wins over both sources and is relative to where the user stands."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("DATA_DIR=from_file\n")
    environ = {"DATA_DIR": "from_environment"}
    settings = load_settings(environ, tmp_path / "root", data_dir=Path("given"), secrets_dir=Path("/abs"))
    assert settings.data_dir == tmp_path / "given"
    assert settings.secrets_dir == Path("/abs")
    assert settings.logs_dir == tmp_path / "root" / "logs"


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tilde is the user's home in folders and files."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(tmp_path / "root", DATA_DIR="~/strava").data_dir == tmp_path / "strava"


def test_the_first_bundle_that_is_set_counts(tmp_path: Path) -> None:
    """REQUESTS_CA_BUNDLE goes before CURL_CA_BUNDLE, that before SSL_CERT_FILE."""
    for name in ("a.pem", "b.pem", "c.pem"):
        (tmp_path / name).write_text("x")
    names = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"]
    values = dict(zip(names, ("a.pem", "b.pem", "c.pem"), strict=True))
    for name, value in values.items():
        assert load(tmp_path, **values).ca_bundle == tmp_path / value
        values[name] = ""


def test_forms_of_an_env_file(tmp_path: Path) -> None:
    """Comments, export, quotes, blanks, a byte order mark and CRLF are read; a dollar sign stays what it is."""
    text = "\ufeff# comment\r\n\r\nexport PER_PAGE = 50\r\nSTRAVA_CLIENT_SECRET='a#b $HOME'\r\nDAYS=3 # three\r\n"
    settings = load(tmp_path, text)
    assert (settings.per_page, settings.client_secret, settings.days) == (50, "a#b $HOME", 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PER_PAGE=50\n\xff\xfe\n", "UTF-8"),
        (b"PER_PAGE=50\nthis is no assignment\n", "line 2"),
        (b"\0\0\0", "line 1"),
        (b"=5\n", "line 1"),
        (b"{\n", "line 1"),
    ],
)
def test_garbage_in_an_env_file(tmp_path: Path, content: bytes, words: str) -> None:
    """Garbage is one line that names the file and the place, without quoting what may be a secret."""
    with pytest.raises(ConfigurationError, match=words) as raised:
        load(tmp_path, content)
    assert str(tmp_path / ".env") in raised.value.message
    assert "this is no" not in str(raised.value)


def test_an_env_folder_is_named(tmp_path: Path) -> None:
    """A folder in place of `.env` is a configuration error."""
    (tmp_path / ".env").mkdir()
    with pytest.raises(ConfigurationError):
        load_settings({}, tmp_path)


def test_no_env_file_is_fine(tmp_path: Path) -> None:
    """Without the file there is nothing in it."""
    assert read_env_file(tmp_path / ".env") == {}


def test_no_secret_in_the_repr(tmp_path: Path) -> None:
    """The settings can be shown without the secret."""
    assert "hush" not in repr(load(tmp_path, STRAVA_CLIENT_SECRET="hush"))


def test_the_root_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STRAVA_STATS_HOME is the root; without it, it is the checkout."""
    monkeypatch.setenv("STRAVA_STATS_HOME", str(tmp_path))
    assert repo_root() == tmp_path
    monkeypatch.delenv("STRAVA_STATS_HOME")
    assert (repo_root() / "pyproject.toml").is_file()


def test_every_zone_that_is_taken_works_in_the_views(tmp_path: Path) -> None:
    """A zone that the settings let pass is one that DuckDB knows, so that no view fails on it."""
    taken = []
    for zone in [*zoneinfo.available_timezones(), "localtime", "posixrules", "Factory", "posix/Europe/London"]:
        try:
            taken.append(load(tmp_path, TZ=zone).timezone)
        except ConfigurationError:
            continue
    with duckdb.connect() as connection:
        known = {row[0] for row in connection.execute("select name from pg_timezone_names()").fetchall()}
    assert sorted(set(taken) - known) == []


def test_every_setting_is_in_the_example() -> None:
    """The file .env.example names every setting with its default."""
    text = (Path(__file__).parents[2] / ".env.example").read_text()
    names = {name for name, *_ in VALID} | {name for name, _ in INVALID} - {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}
    for name in names | {"DATA_DIR", "SECRETS_DIR", "LOGS_DIR"}:
        assert f"{name}=" in text, name
