// What happened to the strategies on the way: swaps, parameters, faults, restarts, orders of the host.

const secondsOf = (text) => Date.parse(text) / 1000;

/** Everything that happened to a strategy, by time: `{at, strategy, text, tone}`. */
const happenings = ({ summary }) => {
  const found = [];
  for (const swap of summary.swaps) {
    if (swap.ts) found.push({ at: secondsOf(swap.ts), strategy: swap.strategy, text: swap.done ? "swap" : "swap refused", tone: swap.done ? "accent" : "bad" });
  }
  for (const tuning of summary.tuning) {
    if (tuning.ts) found.push({ at: secondsOf(tuning.ts), strategy: tuning.strategy, text: tuning.done ? "parameters" : "parameters refused", tone: tuning.done ? "second" : "bad" });
  }
  for (const fault of summary.faults) {
    if (fault.kind === NOT_LOADED) continue;
    found.push({ at: secondsOf(fault.ts), strategy: fault.strategy, text: "fault", tone: "bad" });
    if (fault.restarted_at) found.push({ at: secondsOf(fault.restarted_at), strategy: fault.strategy, text: "restart", tone: "good" });
  }
  return found.sort((a, b) => a.at - b.at);
};

const changeTable = ({ summary }) => {
  const swaps = summary.swaps.map((row) => ({
    ...row, what: "Swap", to: [row.plugin, row.plugin_sha256?.slice(0, 8)].filter(Boolean).join(" ") || UNDEFINED,
  }));
  const tuning = summary.tuning.map((row) => ({ ...row, what: "Parameters", to: UNDEFINED }));
  const rows = [...swaps, ...tuning].sort((a, b) => (a.ts ? secondsOf(a.ts) : Infinity) - (b.ts ? secondsOf(b.ts) : Infinity));
  if (!rows.length) return;
  byId("changes").hidden = false;
  byId("change-table").append(plainTable([
    ["Time (UTC)", (row) => (row.ts ? time(row.ts) : `${time(row.at)}: not reached`), true],
    summary.strategies.length > 1 && ["Strategy", (row) => row.strategy, true],
    ["Change", (row) => row.what, true],
    ["To", (row) => row.to, true],
    ["Values", (row) => Object.entries(row.set).map(([name, value]) => `${name} = ${value}`).join(", ") || UNDEFINED, true],
    ["State, bytes", (row) => (row.done && row.state_bytes !== undefined ? fixed(row.state_bytes, 0) : UNDEFINED)],
    ["Result", (row) => (row.done ? ["done", "good"] : [`refused: ${row.reason ?? ""}`, "bad"]), true],
  ].filter(Boolean), rows));
};

const HOST_ORDERS = { "after-fault": "closed after a fault", kill: "closed by the operator" };

const hostOrderTable = ({ host_orders: orders, strategies, prices }) => {
  if (!orders.length) return;
  byId("host-orders").hidden = false;
  byId("host-order-table").append(plainTable([
    ["Decided (UTC)", (row) => minute(row.time), true],
    strategies.length > 1 && ["Strategy", (row) => strategies[row.strategy].name, true],
    ["Symbol", (row) => (row.instrument === null ? UNDEFINED : prices[row.instrument].symbol), true],
    ["Why", (row) => HOST_ORDERS[row.origin] ?? row.origin, true],
    ["Side", (row) => row.side, true],
    ["Quantity", (row) => quantity(row.quantity)],
    ["Price", (row) => (row.price === null ? UNDEFINED : price(row.price))],
    ["Status", (row) => row.status.replaceAll("-", " "), true],
  ].filter(Boolean), orders));
};
