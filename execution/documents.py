"""The documents that clients may ask for: any, or those of a directory; by their text or hash."""

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from graphql import GraphQLError

from schema.errors import BadRequest, Forbidden, TooMuch

# Apollo Client knows this by its message: it sends the text then, and no hashes any more.
NOT_SUPPORTED = "PersistedQueryNotSupported"
# Not Apollo's PersistedQueryNotFound: its clients would send the text next, which is refused too.
NOT_TRUSTED = "This is not one of the server's trusted documents."


class DocumentError(Exception):
    """There are no trusted documents, or one that could not be run."""


class Documents:
    """Lets in any document. A hash must come with its text."""

    def text_of(self, query: str | None, extensions: Mapping[str, Any] | None) -> str | None:
        """The text of the document that a request asks for; None or empty where it names none.

        Args:
            query: its text.
            extensions: may name it by hash, as Apollo clients do.

        Raises:
            BadRequest: the hash is none, or the text's is another, or only texts are known here.
            Forbidden: the document is not a trusted one.
        """
        digest = _named(extensions) if extensions else None
        if digest is None:
            return self._admit(query) if query else query
        if not query:
            return self._find(digest)
        if digest != _digest(query):
            raise BadRequest("`sha256Hash` is not the SHA-256 of the `query`.")
        return self._admit(query)

    def _admit(self, query: str) -> str:
        return query

    def _find(self, digest: str) -> str:
        raise BadRequest(NOT_SUPPORTED)


class TrustedDocuments(Documents):
    """Lets in these, and no others. A text is known with the space around it and without."""

    def __init__(self, texts: Iterator[str]) -> None:
        spellings = [spelling for text in texts for spelling in (text, text.strip())]
        self._texts = {text: text for text in spellings}
        self._by_digest = {_digest(text): text for text in spellings}

    def text_of(self, query: str | None, extensions: Mapping[str, Any] | None) -> str | None:
        """The text, at once for the hash alone of a document that there is: production's way."""
        if extensions and not query:
            try:
                asked = extensions["persistedQuery"]
                if asked["version"] == 1:
                    return self._by_digest[asked["sha256Hash"]]
            except (LookupError, TypeError):
                pass  # no hash, or not one of ours: there are words for that
        return super().text_of(query, extensions)

    def _admit(self, query: str) -> str:
        # Ours, whose hash Python has reckoned already.
        return _trusted(self._texts.get(query))

    def _find(self, digest: str) -> str:
        return _trusted(self._by_digest.get(digest))


def read_documents(directory: Path, check: Callable[[str], None]) -> TrustedDocuments:
    """Read the `.graphql` files of a directory and those below it.

    Args:
        check: raises GraphQLError or TooMuch for a text that the schema will not run.

    Raises:
        DocumentError: it does, or there are none; it names the file.
    """
    return TrustedDocuments(_texts(directory, check))


def _texts(directory: Path, check: Callable[[str], None]) -> Iterator[str]:
    path = directory
    try:
        paths = sorted(directory.rglob("*.graphql")) if directory.is_dir() else []
        if not paths:
            raise DocumentError(f"there is no .graphql file in {directory}")
        for path in paths:
            text = path.read_bytes().decode()  # as it is: line ends are part of its hash
            check(text)
            yield text
    except (OSError, UnicodeDecodeError, GraphQLError, TooMuch) as error:
        raise DocumentError(f"{path}: {error}") from error


def _named(extensions: Mapping[str, Any]) -> str | None:
    asked = extensions.get("persistedQuery")
    if asked is None:
        return None
    digest = asked.get("sha256Hash") if isinstance(asked, dict) else None
    if not isinstance(digest, str) or asked.get("version") != 1:
        raise BadRequest("`persistedQuery` must have `version` 1 and a `sha256Hash`.")
    return digest


def _trusted(text: str | None) -> str:
    if text is None:
        raise Forbidden(NOT_TRUSTED)
    return text


def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()
