"""Findings of the checker: text and location."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: `where` is a playlist or a segment by its URI."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(slots=True)
class Findings:
    """A list of faults."""

    found: list[Finding] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        self.found.append(Finding(where, what))

    def want(self, holds: bool, where: str, what: str) -> None:
        """Note a fault unless `holds`."""
        if not holds:
            self.add(where, what)
