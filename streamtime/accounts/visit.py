"""Where somebody comes from who signs in: what is written down of it, within bounds."""

from dataclasses import dataclass

from streamtime.accounts.limits import client_network

MAX_USER_AGENT = 300
MAX_ADDRESS = 64


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """The client's address and what it calls itself, as a request tells them."""

    address: str
    user_agent: str

    @classmethod
    def of(cls, address: str, user_agent: str) -> "ClientInfo":
        """A visit, cut to what is stored."""
        return cls(address[:MAX_ADDRESS], user_agent[:MAX_USER_AGENT])

    @property
    def network(self) -> str:
        """What counts as one place to try from."""
        return client_network(self.address)
