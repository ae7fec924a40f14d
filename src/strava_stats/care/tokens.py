"""The token file in a backup: encrypted with a passphrase, in the format of age."""

from __future__ import annotations

from strava_stats.errors import UsageError


def seal(content: bytes, passphrase: str) -> bytes:
    """Encrypt; takes about a second, on purpose."""
    from pyrage import passphrase as age  # noqa: PLC0415 - a compiled library, for this command alone

    return bytes(age.encrypt(content, passphrase))


def unseal(content: bytes, passphrase: str) -> bytes:
    """Decrypt; UsageError for a wrong passphrase."""
    from pyrage import DecryptError  # noqa: PLC0415
    from pyrage import passphrase as age  # noqa: PLC0415

    try:
        return bytes(age.decrypt(content, passphrase))
    except DecryptError as error:
        raise UsageError(
            "The passphrase does not open the tokens of this backup",
            "give the one that it was made with, or leave --with-secrets out and run `strava-stats auth` afterwards",
        ) from error
