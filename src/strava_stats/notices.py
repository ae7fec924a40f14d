"""Tell somebody: a message to the addresses in NOTIFY_URLS, by mail, chat, push or a web hook (apprise)."""

from __future__ import annotations

import logging
from collections.abc import Sequence


def unusable(urls: Sequence[str]) -> list[int]:
    """Positions, from 1, of the addresses that no service is known for. The addresses themselves hold passwords."""
    import apprise  # noqa: PLC0415 - it loads a hundred services, and most commands tell nobody

    return [number for number, url in enumerate(urls, start=1) if apprise.Apprise.instantiate(url) is None]


def send(urls: Sequence[str], title: str, body: str) -> str | None:
    """To all of them; a line about those that did not take it, None when all did."""
    import apprise  # noqa: PLC0415

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would name the addresses
    failed = []
    for number, url in enumerate(urls, start=1):
        service = apprise.Apprise.instantiate(url)
        if service is None or not service.notify(title=title, body=body):
            failed.append(number)
    if not failed:
        return None
    return f"The notice was not taken by number {', '.join(map(str, failed))} of NOTIFY_URLS: check it and the network"
