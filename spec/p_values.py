"""p-values as text."""

LIMIT = 0.05
"""What is below it is more than chance."""

MOST_DIGITS = 17


def p_text(p: float) -> str:
    """Two digits; as many more as keep one below the limit from being rounded up to it."""
    digits = (count for count in range(2, MOST_DIGITS) if p >= LIMIT or float(f"{p:.{count}g}") < LIMIT)
    return f"{p:.{next(digits, MOST_DIGITS)}g}"
