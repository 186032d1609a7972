"""Tokens at rest: encrypted and signed with a key made from the installation's secret."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from curation.errors import Refused

# Parts this use of the secret from every other; a change makes all stored tokens unreadable.
_PURPOSE = b"pairwright.hub.tokens/1"
LONGEST = 400


class Seal:
    """Closes and opens tokens. Fernet: AES-128-CBC and HMAC-SHA256; its key by HKDF-SHA256 (RFC 5869).

    Args:
        secret: of this installation; with another one, what was sealed cannot be opened.
    """

    def __init__(self, secret: str) -> None:
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def close(self, token: str) -> str:
        return self._fernet.encrypt(token.encode()).decode()

    def open(self, sealed: str) -> str:
        """The token.

        Raises:
            Refused: it was sealed under another secret, or changed since.
        """
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise Refused(
                "The stored token cannot be read any more, because the installation's secret is another one now. "
                "Delete it and store the token again."
            ) from error


def checked_token(text: str) -> str:
    """A token as the Hub gives them out, without the blanks of a copy.

    Raises:
        Refused: it is none. The words do not repeat it.
    """
    token = text.strip()
    if not token.startswith("hf_") or len(token) > LONGEST or not token.isascii() or any(c.isspace() for c in token):
        raise Refused(
            "A token of the Hub begins with hf_ and has no blanks. Copy it from https://huggingface.co/settings/tokens."
        )
    return token
