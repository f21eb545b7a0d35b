"""Where somebody calls from: the address that limits are counted for."""

from collections.abc import Sequence
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


def client_address(peer: str, forwarded_for: str | None, trusted: Sequence[Network]) -> str:
    """The address of a client: the last one that no proxy of ours has.

    Args:
        peer: the other end of the connection.
        forwarded_for: the addresses that proxies have noted, the latest last; of these only what
            our own have noted is believed.
        trusted: where our proxies are.
    """
    client = _parse(peer)
    if client is None:
        return peer
    noted = forwarded_for.split(",") if forwarded_for else []
    while noted and any(client in network for network in trusted):
        before = _parse(noted.pop().strip())
        if before is None:
            break
        client = before
    if isinstance(client, IPv6Address):
        return str(ip_network((client, IPV6_PREFIX), strict=False))
    return str(client)


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
