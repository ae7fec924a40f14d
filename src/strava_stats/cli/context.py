"""From the command line to the services: settings are read here and nowhere below."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strava_stats import __version__
from strava_stats.cli.terminal import TerminalNarrator
from strava_stats.clock import SystemClock
from strava_stats.errors import ConfigurationError, NotAuthorised, StravaStatsError, UsageError
from strava_stats.narration import Narrator
from strava_stats.settings import Settings, load_settings

if TYPE_CHECKING:
    import requests

    from strava_stats.flow import Services
    from strava_stats.lake.layout import Layout
    from strava_stats.strava.auth import OAuth
    from strava_stats.strava.budget_file import BudgetKeeper
    from strava_stats.strava.client import Client
    from strava_stats.strava.token_store import Token, TokenStore


INTERRUPTED = 130


@dataclass
class Context:
    """The global options and what is built from them, at first use."""

    athlete: int | None = None
    data_dir: Path | None = None
    secrets_dir: Path | None = None
    logs_dir: Path | None = None
    as_json: bool = False
    verbose: bool = False
    quiet: bool = False

    @cached_property
    def clock(self) -> SystemClock:
        """The machine's clock."""
        return SystemClock()

    @cached_property
    def narrator(self) -> Narrator:
        """Narration on stderr; while `logging` lasts, in the log as well."""
        return TerminalNarrator(quiet=self.quiet)

    @contextmanager
    def logging(self, command: str) -> Iterator[None]:
        """The log of one command. What ends it is its last line; the traceback of a bug as well."""
        from strava_stats.log import LoggedNarrator, RunLog  # noqa: PLC0415

        terminal = self.narrator
        with RunLog(self.settings.logs_dir, self.clock, command, self._secrets(), warn=terminal.warn) as log:
            log.event("started", version=__version__)
            self.narrator = LoggedNarrator(terminal, log)
            try:
                yield
            except StravaStatsError as error:
                log.event("failed", "error", error=str(error), error_kind=error.kind, exit_code=error.exit_code)
                raise
            except KeyboardInterrupt:
                log.event("failed", "error", error="Interrupted", error_kind="interrupted", exit_code=INTERRUPTED)
                raise
            except Exception as error:
                shown = "".join(traceback.format_exception(error))
                log.event("failed", "error", error=shown, error_kind="bug", exit_code=1)
                raise
            finally:
                self.narrator = terminal

    def _secrets(self) -> set[str]:
        """What may stand in no log, whatever it looks like."""
        try:
            tokens: Iterable[Token] = self.tokens.load().values()
        except StravaStatsError:  # the command itself tells of a damaged file
            tokens = []
        tried = [text for one in tokens for text in (one.access_token, one.refresh_token)]
        settings = self.settings
        known = {settings.client_secret, settings.backup_passphrase, *settings.notify_urls, *tried}
        return {one for one in known if one}

    @cached_property
    def settings(self) -> Settings:
        """Environment, `.env` and the folders of the command line."""
        return load_settings(data_dir=self.data_dir, secrets_dir=self.secrets_dir, logs_dir=self.logs_dir)

    @cached_property
    def layout(self) -> Layout:
        """Paths below the data folder."""
        from strava_stats.lake.layout import Layout  # noqa: PLC0415 - heavy imports are lazy: `--help` in 0.3 s

        return Layout(self.settings.data_dir)

    @cached_property
    def session(self) -> requests.Session:
        """One connection pool for the API."""
        from strava_stats.strava.client import build_session  # noqa: PLC0415

        return build_session(self.settings.ca_bundle, self.settings.api_base_url)

    @cached_property
    def tokens(self) -> TokenStore:
        """The token file."""
        from strava_stats.strava.token_store import TokenStore  # noqa: PLC0415

        return TokenStore(self.settings.secrets_dir, self.clock)

    @cached_property
    def oauth(self) -> OAuth:
        """The OAuth endpoints of the user's application."""
        from strava_stats.strava.auth import OAuth  # noqa: PLC0415
        from strava_stats.strava.client import build_session  # noqa: PLC0415

        client_id, client_secret = self.credentials()
        session = build_session(self.settings.ca_bundle, self.settings.oauth_base_url)
        return OAuth(
            self.settings.oauth_base_url, client_id, client_secret, session, self.clock, on_retry=self._on_retry
        )

    def credentials(self) -> tuple[str, str]:
        """Client id and secret; ConfigurationError naming the setting that is missing."""
        for name, value in (
            ("STRAVA_CLIENT_ID", self.settings.client_id),
            ("STRAVA_CLIENT_SECRET", self.settings.client_secret),
        ):
            if not value:
                raise ConfigurationError(
                    f"{name} is not set",
                    "create an API application at https://www.strava.com/settings/api and put its id and secret into "
                    f"{self.settings.env_file} (`strava-stats auth` on a terminal asks for them)",
                )
        assert self.settings.client_id and self.settings.client_secret  # noqa: PT018
        return self.settings.client_id, self.settings.client_secret

    def notify_urls(self) -> tuple[str, ...]:
        """Where notices go; ConfigurationError when there is nowhere."""
        if not self.settings.notify_urls:
            raise ConfigurationError(
                "NOTIFY_URLS is not set", f"put addresses such as mailto://… or ntfy://… into {self.settings.env_file}"
            )
        return self.settings.notify_urls

    def athletes(self) -> list[Token]:
        """The athletes of this command; NotAuthorised when there is none."""
        known = self.tokens.load()
        if not known:
            raise NotAuthorised("No athlete has given access yet", "run `strava-stats auth`")
        if self.athlete is None:
            return [known[athlete_id] for athlete_id in sorted(known)]
        if self.athlete not in known:
            raise UsageError(
                f"Athlete {self.athlete} has not given access",
                f"known athletes: {', '.join(map(str, sorted(known)))}; `strava-stats auth` adds one",
            )
        return [known[self.athlete]]

    def services(self) -> Services:
        """What the stages need."""
        from strava_stats.flow import Services  # noqa: PLC0415
        from strava_stats.sync.compact import Calendar  # noqa: PLC0415
        from strava_stats.sync.state import State  # noqa: PLC0415

        return Services(
            layout=self.layout,
            state=State(self.layout.state),
            clock=self.clock,
            narrator=self.narrator,
            calendar=Calendar(self.settings.week_start, self.settings.timezone, self.settings.shown_data_dir),
            client_for=self._client_for,
            keeper_for=self.keeper_for,
        )

    def keeper_for(self, **limits: Any) -> BudgetKeeper:
        """The shared budget, with the cushions of one command."""
        from strava_stats.strava.budget_file import BudgetKeeper  # noqa: PLC0415

        return BudgetKeeper(self.layout.state / "budget.json", self.clock, **limits)

    def _client_for(self, token: Token, keeper: BudgetKeeper) -> Client:
        from strava_stats.strava.auth import AccessTokens  # noqa: PLC0415
        from strava_stats.strava.client import Client  # noqa: PLC0415

        access = AccessTokens(self.tokens, self.oauth, self.clock, token.athlete_id)
        return Client(self.settings.api_base_url, access, keeper, self.clock, self.session, on_retry=self._on_retry)

    def _on_retry(self, failures: int, reason: str, seconds: float) -> None:
        self.narrator.say(f"Strava did not answer ({reason}), try {failures}: again in {seconds:.0f} s")
