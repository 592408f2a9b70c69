"""The market maker of `cryptobot-bench replay` in hftbacktest, on the same recording; that command runs it.

    pip install hftbacktest
    python hftbacktest_replay.py FILE.gz [ROUNDS]

FILE.gz is a recording of BTCUSDT futures. One bid and one ask of 0.001 are kept at the best prices, post-only; entry
and response latency are 5 ms each. Decoding and compilation are not timed.
"""

import sys
import time

import numpy as np
from hftbacktest import (
    ALL_ASSETS,
    GTX,
    LIMIT,
    NEW,
    NONE,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.data.utils import binancefutures
from hftbacktest.order import PARTIALLY_FILLED
from numba import njit

LATENCY_NS = 5_000_000
FOREVER_NS = 10**15


@njit
def make_market(hbt):
    """Returns the number of orders."""
    orders = 0
    ids = np.zeros(2, np.int64)
    ticks = np.zeros(2, np.int64)
    cancelling = np.zeros(2, np.bool_)
    while True:
        outcome = hbt.wait_next_feed(True, FOREVER_NS)
        if outcome != 2 and outcome != 3:
            return orders
        depth = hbt.depth(0)
        if not depth.best_bid_tick < depth.best_ask_tick:
            continue
        known = hbt.orders(0)
        for side in range(2):
            best = depth.best_bid_tick if side == 0 else depth.best_ask_tick
            if ids[side] != 0:
                order = known.get(ids[side])
                if order is None or (order.status != NEW and order.status != NONE and order.status != PARTIALLY_FILLED):
                    ids[side] = 0
                    cancelling[side] = False
                elif order.cancellable and ticks[side] != best and not cancelling[side]:
                    hbt.cancel(0, ids[side], False)
                    cancelling[side] = True
            if ids[side] == 0:
                orders += 1
                ids[side] = orders
                ticks[side] = best
                price = best * depth.tick_size
                if side == 0:
                    hbt.submit_buy_order(0, orders, price, 0.001, GTX, LIMIT, False)
                else:
                    hbt.submit_sell_order(0, orders, price, 0.001, GTX, LIMIT, False)
        if outcome == 3:
            hbt.clear_inactive_orders(ALL_ASSETS)


def asset(data, queue):
    made = (
        BacktestAsset()
        .data(data)
        .linear_asset(1.0)
        .constant_order_latency(LATENCY_NS, LATENCY_NS)
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0002, 0.0004)
        .tick_size(0.1)
        .lot_size(0.001)
        .roi_lb(50_000.0)
        .roi_ub(70_000.0)
    )
    return made.risk_adverse_queue_model() if queue == "risk-averse" else made.power_prob_queue_model(2.0)


def main():
    path = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    started = time.perf_counter()
    data = binancefutures.convert(path, buffer_size=2_000_000)
    print(f"{len(data)} rows, decoded in {time.perf_counter() - started:.2f} s")
    for queue in ("risk-averse", "power 2"):
        for kind in (HashMapMarketDepthBacktest, ROIVectorMarketDepthBacktest):
            best = float("inf")
            for _ in range(rounds + 1):
                hbt = kind([asset(data, queue)])
                started = time.perf_counter()
                orders = make_market(hbt)
                # The first round compiles: with several rounds it is never the best one.
                best = min(best, time.perf_counter() - started)
                fills = hbt.state_values(0).num_trades
                hbt.close()
            rate = len(data) / best / 1e6
            print(f"{kind.__name__:32} {queue:12} {best * 1e3:9.1f} ms {rate:7.2f} M rows/s {orders} orders {fills} fills")


if __name__ == "__main__":
    main()
