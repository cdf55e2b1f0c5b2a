"""Fetching over HTTP, politely: time limits, size limits, retries, a pause between pages, no private addresses."""

from __future__ import annotations

import ipaddress
import socket
import time
from dataclasses import dataclass
from urllib.request import getproxies, proxy_bypass

import httpx
import stamina

from recommend.errors import SourceError

_ATTEMPTS = 4
_DEADLINE = 120.0
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_HEADERS = {"User-Agent": "related-articles", "Accept-Encoding": "gzip, deflate"}
_UNPACKED = {"", "identity", "gzip", "x-gzip", "deflate"}  # what unpacks piece by piece to no more than a thousandfold
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # the addresses of IPv4 in networks that have IPv6 alone


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address answered with.

    Attributes:
        data: as many bytes of the body as were asked for, and one more where there are more.
        url: where it came from in the end, without a password.
        content_type: as the server says, or empty.
    """

    data: bytes
    url: str
    content_type: str

    @property
    def headers(self) -> dict[str, str]:
        """What a parser needs: the character set, and what relative links start from."""
        return {"content-type": self.content_type, "content-location": self.url}


@dataclass(frozen=True, slots=True)
class Web:
    """How pages are fetched.

    Attributes:
        allow_private: whether addresses of private networks and of this machine may be asked. Where a proxy that the
            environment names carries the connection, the proxy decides.
        pause: seconds between two pages of one sitemap.
    """

    allow_private: bool = False
    pause: float = 1.0

    def fetch(self, url: str, most: int) -> Fetched:
        """What an http(s) address answers with, redirects followed; tried again where a failure may pass.

        Args:
            url: the address.
            most: bytes that are wanted.

        Raises:
            SourceError: it is no address, leads to a private one, or cannot be fetched.
        """
        try:
            address = httpx.URL(url)
            named = str(address.copy_with(userinfo=b""))  # passwords stay out of messages
        except httpx.InvalidURL as problem:
            raise SourceError(f"{url!r} is not a valid URL: {problem}") from None
        try:
            return self._fetch(address, most)
        except httpx.HTTPStatusError as problem:
            answer = problem.response
            raise SourceError(f"{named} answered {answer.status_code} {answer.reason_phrase}") from None
        except httpx.HTTPError as problem:
            raise SourceError(f"{named} cannot be fetched: {str(problem) or type(problem).__name__}") from None

    def wait(self) -> None:
        """The pause between two pages."""
        time.sleep(self.pause)

    def _fetch(self, address: httpx.URL, most: int) -> Fetched:
        for attempt in stamina.retry_context(on=_passes, attempts=_ATTEMPTS, timeout=_DEADLINE, wait_initial=0.5):
            with attempt, self._client() as client, client.stream("GET", address) as answer:
                return _body(answer, most)
        raise AssertionError("stamina gives an attempt or raises")

    def _client(self) -> httpx.Client:
        transport = _Transport(self.allow_private)
        return httpx.Client(transport=transport, headers=_HEADERS, timeout=_TIMEOUT, follow_redirects=True)


class _Transport(httpx.BaseTransport):
    """Each request goes through the proxy that the environment names for its address, or else past the guard."""

    def __init__(self, allow_private: bool) -> None:
        self._direct = httpx.HTTPTransport() if allow_private else _PublicTransport()
        self._proxies: dict[str, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._carrier(request.url).handle_request(request)

    def close(self) -> None:
        for transport in (self._direct, *self._proxies.values()):
            transport.close()

    def _carrier(self, url: httpx.URL) -> httpx.HTTPTransport:
        named = getproxies()
        proxy = named.get(url.scheme) or named.get("all")
        if not proxy or proxy_bypass(f"{url.host}:{url.port}" if url.port else url.host):
            return self._direct
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        if proxy not in self._proxies:
            try:
                self._proxies[proxy] = httpx.HTTPTransport(proxy=proxy)
            except (ValueError, ImportError, httpx.InvalidURL) as problem:
                raise SourceError(
                    f"the proxy that the environment names for {url.scheme} cannot be used: {problem}"
                ) from None
        return self._proxies[proxy]


class _PublicTransport(httpx.HTTPTransport):
    """Connects to public addresses only, and to the very ones that were looked at: a name may change its mind."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        addresses = _resolved(host)
        for address in addresses:
            if not _is_public(address):
                way_out = "allow such with --allow-private or sources.allow_private"
                raise SourceError(f"{host} resolves to the private address {address}: {way_out}")
        request.extensions = {**request.extensions, "sni_hostname": host}
        problem: httpx.ConnectError | None = None
        for address in addresses:
            request.url = request.url.copy_with(host=address)
            try:
                return super().handle_request(request)
            except httpx.ConnectError as unreachable:
                problem = unreachable
            finally:
                request.url = request.url.copy_with(host=host)
        raise problem or httpx.ConnectError(f"the name {host} is unknown")


def _is_public(address: str) -> bool:
    """Whether an address leads to the public, whatever form of IPv6 an address of IPv4 is written in."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _TRANSLATED else inner
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return ip.is_global and not ip.is_multicast


def _resolved(host: str) -> list[str]:
    try:
        return list(dict.fromkeys(str(info[4][0]) for info in socket.getaddrinfo(host, None)))
    except OSError as problem:
        raise httpx.ConnectError(f"the name {host} is unknown: {problem}") from None


def _body(answer: httpx.Response, most: int) -> Fetched:
    answer.raise_for_status()
    packed = answer.headers.get("content-encoding", "").strip().lower()
    if packed not in _UNPACKED:
        raise SourceError(f"{answer.url.copy_with(userinfo=b'')} is encoded with {packed!r}, which was not requested")
    data, until = bytearray(), time.monotonic() + _DEADLINE
    for chunk in answer.iter_bytes():
        data += chunk
        if len(data) > most:
            break
        if time.monotonic() > until:
            raise httpx.ReadTimeout(f"took longer than {_DEADLINE:.0f} seconds")
    url = str(answer.url.copy_with(userinfo=b""))
    return Fetched(bytes(data[: most + 1]), url, answer.headers.get("content-type", ""))


def _passes(problem: Exception) -> bool:
    if isinstance(problem, httpx.HTTPStatusError):
        return problem.response.status_code == httpx.codes.TOO_MANY_REQUESTS or problem.response.is_server_error
    return isinstance(problem, httpx.TransportError) and not isinstance(problem, httpx.UnsupportedProtocol)
