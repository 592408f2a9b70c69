"""Indicators from their published definitions, on whole columns, where TA-Lib has none or loses digits."""
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

OWN, PRICE, PERCENT = "own", "price", 100.0


def rolling(values, n, of):
    """A function of each window of n values; NaN before the first."""
    result = np.full(len(values), np.nan)
    values = np.asarray(values, dtype=float)
    begin = int(np.argmax(~np.isnan(values)))
    if len(values) - begin >= n:
        result[begin + n - 1 :] = of(sliding_window_view(values[begin:], n))
    return result


def mean(values, n):
    return rolling(values, n, lambda w: w.mean(axis=1))


def total(values, n):
    return rolling(values, n, lambda w: w.sum(axis=1))


def deviation(values, n, ddof=0):
    return rolling(values, n, lambda w: w.std(axis=1, ddof=ddof))


def highest(values, n):
    return rolling(values, n, lambda w: w.max(axis=1))


def lowest(values, n):
    return rolling(values, n, lambda w: w.min(axis=1))


def before(values, n=1):
    """The values n bars ago."""
    result = np.full(len(values), np.nan)
    result[n:] = values[:-n] if n else values
    return result


def true_range(b):
    close = before(b.close)
    return np.maximum(b.high, close) - np.minimum(b.low, close)


def results(b):
    """Yields (kind, parameters, oracle, scale of errors, outputs)."""
    for group in (dispersion, trend):
        for kind, params, scale, *outputs in group(b):
            yield kind, params, "definition", scale, outputs


def dispersion(b):
    c = b.close
    for n, width in ((20, 2.0), (50, 2.5)):
        sigma, middle = deviation(c, n), mean(c, n)
        upper, lower = middle + width * sigma, middle - width * sigma
        yield "stddev", [n], OWN, sigma
        yield "bollinger", [n, width], OWN, upper, middle, lower, (c - lower) / (upper - lower), (upper - lower) / middle


def trend(b):
    for conversion, base, span in ((9, 26, 52), (7, 22, 44)):
        def middle(n):
            return (highest(b.high, n) + lowest(b.low, n)) / 2

        tenkan, kijun = middle(conversion), middle(base)
        lead = base - 1
        outputs = [tenkan, kijun, before((tenkan + kijun) / 2, lead), before(middle(span), lead)]
        lagging = b.close - before(b.close, lead)
        outputs.append(lagging)
        missing = np.isnan(np.sum(outputs, axis=0))
        yield "ichimoku", [conversion, base, span], PRICE, *(np.where(missing, np.nan, x) for x in outputs)
    for n in (14, 30):
        sums = total(true_range(b), n)
        yield "choppiness", [n], PERCENT, 100 * np.log(sums / (highest(b.high, n) - lowest(b.low, n))) / np.log(n)
