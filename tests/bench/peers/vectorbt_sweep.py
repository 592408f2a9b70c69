"""The grid of the benchmark job with vectorbt, column by column of it so that memory stays bounded; prints runs per second."""
import glob
import sys
import time

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import vectorbt as vbt

files = sorted(glob.glob(f"{sys.argv[1]}/bench/J1USDT/1m/*.parquet"))
tables = [pq.read_table(file, columns=["open", "close"]) for file in files]
opens, closes = (np.concatenate([table[name].to_numpy() for table in tables]) for name in ("open", "close"))
slow_windows = np.arange(30, 421, 10)
close, opening = (pd.DataFrame(np.tile(prices[:, None], (1, slow_windows.size))) for prices in (closes, opens))


def average(window):
    """Simple moving average of closes, by running sums."""
    sums = np.cumsum(np.insert(closes, 0, 0.0))
    values = np.full(closes.size, np.nan)
    values[window - 1 :] = (sums[window:] - sums[:-window]) / window
    return values


def sweep(fasts):
    """Total returns and Sharpe ratios of all combinations with these fast windows."""
    results = []
    slows = np.column_stack([average(window) for window in slow_windows])
    for fast in fasts:
        side = np.sign(average(fast)[:, None] - slows)
        side[side == 0] = np.nan
        # Decided at a close, filled at the next open; NaN leaves the position as it is.
        target = np.vstack([np.full((1, side.shape[1]), np.nan), side[:-1]])
        portfolio = vbt.Portfolio.from_orders(
            close, size=target, size_type="targetamount", price=opening, fees=0.0004, init_cash=1e8, freq="1min"
        )
        results.append((portfolio.total_return().to_numpy(), portfolio.sharpe_ratio().to_numpy()))
    return results


sweep([2])  # Compiles what is compiled at its first use.
begin = time.perf_counter()
fasts = [6, 10, 14, 18, 22]
sweep(fasts)
print(len(fasts) * slow_windows.size / (time.perf_counter() - begin))
