"""Where somebody calls from: the address that limits are counted for."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# Who has one IPv6 address most often has so many bits of others.
IPV6_PREFIX = 64
# Reading an address takes longer than finding out who calls.
MAX_REMEMBERED = 1_024


def client_address(peer: str, forwarded_for: str | None, trusted: Sequence[Network]) -> str:
    """The address of a client: the last one that no proxy of ours has.

    Args:
        peer: the other end of the connection.
        forwarded_for: the addresses that proxies have noted, the latest last; of these only what
            our own have noted is believed.
        trusted: where our proxies are.
    """
    client = peer
    noted = forwarded_for.split(",") if forwarded_for and trusted else []
    while noted and is_in(client, trusted):
        before = noted.pop().strip()
        if _parse(before) is None:
            break
        client = before
    return _counted(client)


def is_in(text: str, networks: Sequence[Network]) -> bool:
    """Whether an address is in one of these networks; what is none is not."""
    address = _parse(text)
    return address is not None and any(address in network for network in networks)


@lru_cache(MAX_REMEMBERED)
def _counted(text: str) -> str:
    """What an address is counted as."""
    address = _parse(text)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_PREFIX), strict=False))
    return text if address is None else str(address)


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
