"""Whether a difference between two groups could be chance: Fisher's exact test, two-sided.

R. A. Fisher, Statistical Methods for Research Workers, 5th ed. (1934), section 21.02. Exact for
small groups too, where the usual normal approximation says "significant" too soon.
"""

from math import exp, fsum, lgamma

#: Under this a difference is said to be probably no chance: the usual line of 1 in 20.
LINE = 0.05
#: Tables as likely as the one found count as such in spite of rounding.
_ROUNDING = 1e-7


def _choose(number: int, some: int) -> float:
    """Logarithm of how many ways there are to take `some` out of `number`."""
    return lgamma(number + 1) - lgamma(some + 1) - lgamma(number - some + 1)


def probability(replies_a: int, sent_a: int, replies_b: int, sent_b: int) -> float:
    """How likely a difference at least as unusual is if both groups reply alike; 0 to 1."""
    people, replies = sent_a + sent_b, replies_a + replies_b
    all_ways = _choose(people, replies)

    def weight(in_a: int) -> float:
        return exp(_choose(sent_a, in_a) + _choose(sent_b, replies - in_a) - all_ways)

    found = weight(replies_a) * (1 + _ROUNDING)
    least, most = max(0, replies - sent_b), min(replies, sent_a)
    ways = (weight(in_a) for in_a in range(least, most + 1))
    return min(1.0, fsum(one for one in ways if one <= found))
