"""Computes the indicators with TA-Lib (and numpy where TA-Lib itself loses digits).

    python talib_oracle.py BARS_OUT RESULTS_OUT [PARQUET...]

Writes the bars it used (high, low, close per line) and one line per result: name, then one value per bar, "nan"
while warming up. Bars are those of the Parquet files, joined, or a seeded random walk where there are none.
"""
import sys

import numpy as np
import talib
from numpy.lib.stride_tricks import sliding_window_view


def walk(n=20_000):
    rng = np.random.default_rng(11)
    close = 42_000.0 * np.exp(np.cumsum(rng.standard_normal(n) * 0.003))
    high = close * (1 + np.abs(rng.standard_normal(n)) * 0.002)
    low = close * (1 - np.abs(rng.standard_normal(n)) * 0.002)
    return high, low, close


def read(paths):
    import pyarrow.parquet as pq

    tables = [pq.read_table(path, columns=["high", "low", "close"]) for path in paths]
    return tuple(
        np.concatenate([np.asarray(table[name], dtype=float) for table in tables]) for name in ("high", "low", "close")
    )


def rolling(values, n, of):
    result = np.full(len(values), np.nan)
    result[n - 1 :] = of(sliding_window_view(values, n))
    return result


def bollinger(values, n, width):
    """Two passes per window: TA-Lib's variance, E[x^2] - E[x]^2, loses digits."""
    middle = rolling(values, n, lambda w: w.mean(axis=1))
    deviation = rolling(values, n, lambda w: np.sqrt(((w - w.mean(axis=1, keepdims=True)) ** 2).mean(axis=1)))
    upper, lower = middle + width * deviation, middle - width * deviation
    return {
        "upper": upper,
        "middle": middle,
        "lower": lower,
        "percent-b": (values - lower) / (upper - lower),
        "bandwidth": (upper - lower) / middle,
        "deviation": deviation,
    }


def results(high, low, close):
    for n in (2, 10, 30, 200):
        yield f"sma {n}", talib.SMA(close, n)
        yield f"ema {n}", talib.EMA(close, n)
        yield f"wma {n}", talib.WMA(close, n)
        yield f"roc {n}", talib.ROC(close, n)
        yield f"rsi {n}", talib.RSI(close, n)
        yield f"atr {n}", talib.ATR(high, low, close, n)
        yield f"highest {n}", talib.MAX(high, n)
        yield f"lowest {n}", talib.MIN(low, n)
    for fast, slow, signal in ((12, 26, 9), (5, 35, 5), (2, 3, 1)):
        line, average, histogram = talib.MACD(close, fast, slow, signal)
        yield f"macd {fast} {slow} {signal} 0", line
        yield f"macd {fast} {slow} {signal} 1", average
        yield f"macd {fast} {slow} {signal} 2", histogram
    for n, width in ((20, 2.0), (50, 2.5)):
        bands = bollinger(close, n, width)
        yield f"stddev {n}", bands["deviation"]
        for number, name in enumerate(("upper", "middle", "lower", "percent-b", "bandwidth")):
            yield f"bollinger {n} {width} {number}", bands[name]
        upper, middle, lower = talib.BBANDS(close, n, width, width)
        yield f"bollinger {n} {width} 0", upper
        yield f"bollinger {n} {width} 1", middle
        yield f"bollinger {n} {width} 2", lower


def main(bars_out, results_out, paths):
    high, low, close = read(paths) if paths else walk()
    np.savetxt(bars_out, np.column_stack([high, low, close]), fmt="%.17g")
    with open(results_out, "w", encoding="ascii") as out:
        for name, values in results(high, low, close):
            out.write(name + "," + ",".join(f"{value:.17g}" for value in values) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
