"""Computes the indicators apart from the crate under test: with TA-Lib, or with numpy from the published definition.

    python run.py FOLDER plain|eighths|pairs [PARQUET...]

Writes into FOLDER, as little-endian 64-bit numbers: `bars` (six per bar: close time in ns, open, high, low, close,
volume) and `values` (one column per output, NaN while warming up). `results` has a line per kind and set of
parameters: kind, parameters, oracle, scale of errors, number of outputs. Bars are those of the Parquet files, joined,
or a seeded random walk where there are none. `eighths` rounds prices to whole eighths and computes candlestick patterns,
`pairs` puts a second series in the place of the opens and computes what takes two, `plain` everything else.
"""
import sys

import numpy as np

import candles
import definitions
import from_talib
import pairs

NS_PER_MS = 1_000_000
NS_PER_MINUTE = 60_000 * NS_PER_MS


MODULES = {"plain": (from_talib, definitions), "eighths": (candles,), "pairs": (pairs,)}


class Bars:
    """Columns of bars."""

    def __init__(self, columns, generated):
        self.generated = generated
        self.time, self.open, self.high, self.low, self.close, self.volume = columns


def walk(n=12_000, seed=11):
    """Bars of 17 minutes with gaps between them, of a market without volume now and then."""
    rng = np.random.default_rng(seed)
    close = 42_000.0 * np.exp(np.cumsum(rng.standard_normal(n) * 0.003))
    open_ = np.roll(close, 1) * (1 + rng.standard_normal(n) * 0.0005)
    open_[0] = close[0]
    high = np.maximum(open_, close) * (1 + np.abs(rng.standard_normal(n)) * 0.002)
    low = np.minimum(open_, close) * (1 - np.abs(rng.standard_normal(n)) * 0.002)
    volume = np.abs(rng.standard_normal(n)) * 50 * (rng.random(n) > 0.02)
    time = 1_600_000_000_000_000_000 + 17 * NS_PER_MINUTE * np.arange(1, n + 1, dtype=np.int64)
    return time, open_, high, low, close, volume


def read(paths):
    import pyarrow.parquet as pq

    tables = [pq.read_table(path) for path in paths]
    names = ("ts", "open", "high", "low", "close", "volume")
    time, *prices = (np.concatenate([np.asarray(table[name]) for table in tables]) for name in names)
    # The files have the time in ms at which a bar opens.
    return (time + (time[1] - time[0])) * NS_PER_MS, *prices


def main(folder, grid, paths):
    generate = candles.jumpy if grid == "eighths" else walk
    time, *prices = read(paths) if paths else generate()
    columns = [np.asarray(time).astype(np.int64), *(np.asarray(column, dtype=float) for column in prices)]
    if grid == "eighths":
        columns[1:5] = [np.round(column * 8) / 8 for column in columns[1:5]]
    bars = Bars(columns, not paths)
    if grid == "pairs":
        columns[1] = bars.open = pairs.second(bars)
    with open(f"{folder}/bars", "wb") as out:
        out.write(np.column_stack([columns[0].view(float), *columns[1:]]).astype("<f8").tobytes())
    with open(f"{folder}/results", "w", encoding="ascii") as index, open(f"{folder}/values", "wb") as values:
        for module in MODULES[grid]:
            for kind, params, oracle, scale, outputs in module.results(bars):
                numbers = ",".join(repr(float(param)) for param in params)
                index.write(f"{kind}|{numbers}|{oracle}|{scale}|{len(outputs)}\n")
                for output in outputs:
                    values.write(np.asarray(output, dtype="<f8").tobytes())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
