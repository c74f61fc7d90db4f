"""Which numbers an import has met before, and on which line, in about 16 bytes a number."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable

_BITS = 1 << 25
_MASK, _FACTOR = _BITS - 1, 2_654_435_761


class Seen:
    """Numbers batch by batch. A bitmap says at once of nearly all new ones that they are new."""

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)
        self._batches: list[tuple[array[int], array[int]]] = []

    def line_of(self, phone: str) -> int:
        """The line on which a number was met first; 0 for a new one."""
        number = int(phone[1:])
        bits, one, other = self._bits, number & _MASK, (number * _FACTOR >> 7) & _MASK
        if not (bits[one >> 3] & 1 << (one & 7) and bits[other >> 3] & 1 << (other & 7)):
            return 0
        for numbers, lines in self._batches:
            at = bisect_left(numbers, number)
            if at < len(numbers) and numbers[at] == number:
                return lines[at]
        return 0

    def add(self, met: Iterable[tuple[str, int]]) -> None:
        """Take in (number, line) pairs that `line_of` did not know."""
        rows = sorted([(int(phone[1:]), line) for phone, line in met])
        numbers = array("Q", [number for number, _ in rows])
        bits = self._bits
        for number in numbers:
            one, other = number & _MASK, (number * _FACTOR >> 7) & _MASK
            bits[one >> 3] |= 1 << (one & 7)
            bits[other >> 3] |= 1 << (other & 7)
        self._batches.append((numbers, array("I", [line for _, line in rows])))
