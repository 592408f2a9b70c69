// Risk: margin, refusals, liquidations; rules of fills; positions that are still open.

/** A table of `columns` (`[title, cell, isText]`) over `rows`; a cell is a text, or a text and its class. */
const plainTable = (columns, rows) => el("table", { class: "grid" },
  el("thead", {}, el("tr", {}, ...columns.map(([title, , isText]) => el("th", { scope: "col", class: isText ? "text" : "" }, title)))),
  el("tbody", {}, ...rows.map((row) => el("tr", {}, ...columns.map(([, cell, isText]) => {
    const [text, mark = ""] = [cell(row)].flat();
    return el("td", { class: `${isText ? "text " : ""}${mark}` }, text);
  })))));

const countOrDash = (value) => (value ? fixed(value, 0) : UNDEFINED);
const time = (text) => text.replace("T", " ").replace(/(:\d\d)(\.\d+)?Z$/, "");

const refusalTable = ({ summary }) => {
  const place = byId("refusals");
  if (!summary.refusals.length) {
    place.append(el("div", { class: "empty" }, "No order was refused, reduced or ended early."));
    return;
  }
  place.append(plainTable([
    ["Reason", (row) => row.reason.replaceAll("-", " "), true],
    summary.refusals.some((row) => row.venue_errors.length) && ["At the venue", (row) => row.venue_errors.join(", ") || UNDEFINED, true],
    ["Refused", (row) => countOrDash(row.refused)],
    ["Reduced", (row) => countOrDash(row.reduced)],
    ["Ended", (row) => countOrDash(row.ended)],
  ].filter(Boolean), summary.refusals));
};

const liquidationTable = ({ liquidations, strategies, prices }) => {
  if (!liquidations.length) return;
  byId("liquidations").hidden = false;
  byId("liquidation-table").append(plainTable([
    ["Time (UTC)", (row) => minute(row.time), true],
    strategies.length > 1 && ["Strategy", (row) => strategies[row.strategy].name, true],
    ["Symbol", (row) => prices[row.instrument].symbol, true],
    ["Side", (row) => [row.side === "long" ? "▲ Long" : "▼ Short", "side"], true],
    ["Quantity", (row) => quantity(row.quantity)],
    ["Mark", (row) => price(row.mark)],
    ["Bankruptcy", (row) => price(row.bankruptcy)],
    ["Fee", (row) => fixed(row.fee)],
    ["Insurance", (row) => (row.insurance ? fixed(row.insurance) : UNDEFINED)],
  ].filter(Boolean), liquidations));
};

const faultTable = ({ summary }) => {
  const { faults, reproducible } = summary;
  if (!faults.length) return;
  byId("faults").hidden = false;
  if (!reproducible) byId("reproducible").textContent = "Not reproducible: wall time decided";
  const counted = (value) => (value === null ? UNDEFINED : fixed(value, 0));
  byId("fault-table").append(plainTable([
    ["Time (UTC)", (row) => time(row.ts), true],
    ["Strategy", (row) => row.strategy, true],
    ["Kind", (row) => [row.kind, "bad"], true],
    ["In", (row) => row.call ?? UNDEFINED, true],
    ["What happened", (row) => row.message, true],
    ["Memory, KiB", (row) => (row.used.memory_bytes === null ? UNDEFINED : fixed(row.used.memory_bytes / 1024, 0))],
    faults.some((row) => row.used.instructions !== null) && ["Instructions", (row) => counted(row.used.instructions)],
    ["Orders", (row) => fixed(row.used.orders, 0)],
    ["Log lines", (row) => fixed(row.used.log_lines, 0)],
    ["Restarted", (row) => (row.restarted_at === null ? "no" : time(row.restarted_at)), true],
  ].filter(Boolean), faults));
  const traced = faults.filter((row) => row.backtrace.length);
  byId("backtraces").append(...traced.map((row) => el("details", {},
    el("summary", {}, `Backtrace of ${row.strategy}, ${time(row.ts)}`), el("pre", {}, row.backtrace.join("\n")))));
};

const stateTable = ({ summary }) => {
  if (!summary.states.length) return;
  byId("states").hidden = false;
  const shown = (value) => (value === null ? UNDEFINED : price(value));
  byId("state-table").append(plainTable([
    ["Time (UTC)", (row) => time(row.ts), true],
    ["Of", (row) => row.scope, true],
    ["State", (row) => [`${row.from} → ${row.to}`, row.to === "halted" ? "text bad" : "text"], true],
    ["Cause", (row) => row.cause.replaceAll("-", " "), true],
    ["Limit", (row) => shown(row.limit)],
    ["Value", (row) => shown(row.value)],
  ], summary.states));
};

const riskFacts = ({ summary }) => {
  const { margin, liquidations, insurance } = summary;
  const several = summary.strategies.length > 1;
  const facts = [];
  if (margin) {
    facts.push(["Closest to liquidation", percent(margin.max_ratio), margin.max_ratio >= 1 ? "bad" : "", `${time(margin.ts)} UTC${several ? `, ${margin.strategy}` : ""}; at the worse mark price of each bar; liquidation comes at 100 %`]);
  } else {
    facts.push(["Closest to liquidation", UNDEFINED, "", "No margin was in use, or margin is not simulated in this run"]);
  }
  facts.push(["Liquidations", fixed(liquidations, 0), liquidations ? "bad" : "", liquidations
    ? `fees ${fixed(Number(summary.costs.liquidation_fees))}${Number(insurance) ? `, ${fixed(Number(insurance))} borne by the insurance fund` : ""}`
    : "The exchange closed no position"]);
  byId("risk-facts").append(...facts.map(([label, value, mark, note]) => el("div", {},
    el("dt", {}, label), el("dd", {}, el("strong", { class: mark }, value)), el("dd", { class: "hint" }, note))));
};

const marginChart = (data) => {
  const known = data.strategies.map((strategy, index) => ({ ...strategy, index })).filter((strategy) => strategy.margin.length);
  if (!known.length) return;
  byId("margin").hidden = false;
  const colours = ["accent", "second", "third", "good", "market"];
  const lines = [];
  const paint = () => lines.forEach(([series, index]) => series.applyOptions({ color: colour(colours[index % colours.length]) }));
  const chart = makeChart(byId("margin-chart"), { paint });
  for (const strategy of known) {
    const series = chart.addSeries(LightweightCharts.LineSeries, {
      lineWidth: 1.5, priceLineVisible: false, lastValueVisible: false,
      priceFormat: { type: "custom", minMove: 0.0001, formatter: (value) => percent(value, 1) },
    });
    series.setData(points(data.curve.time, strategy.margin));
    lines.push([series, strategy.index]);
    const highest = strategy.margin.reduce((most, value) => (isNumber(value) && value > most ? value : most), 0);
    byId("margin-legend").append(el("span", {}, swatch(colours[strategy.index % colours.length]),
      known.length > 1 ? `${strategy.name}, highest ` : "Highest ", el("b", {}, percent(highest))));
  }
  paint();
  chart.timeScale().fitContent();
};

const ruleTable = ({ rules }) => {
  const place = byId("rules");
  if (!rules.length) { place.append(el("div", { class: "empty" }, "Nothing was filled.")); return; }
  const total = rules.reduce((sum, row) => sum + row.fills, 0);
  place.append(plainTable([
    ["Rule", (row) => row.rule, true],
    ["Fills", (row) => fixed(row.fills, 0)],
    ["Share", (row) => percent(row.fills / total, 1)],
    ["Traded", (row) => compact(row.traded)],
    ["Slippage", (row) => fixed(row.slippage)],
    ["Slippage, bps", (row) => (row.traded ? fixed((row.slippage / row.traded) * 1e4) : UNDEFINED)],
    ["Fees", (row) => fixed(row.fees)],
  ], rules));
};

const openTable = ({ summary }) => {
  if (!summary.open_positions.length) return;
  byId("open-positions").hidden = false;
  byId("open-table").append(plainTable([
    summary.strategies.length > 1 && ["Strategy", (row) => row.strategy, true],
    ["Symbol", (row) => row.symbol, true],
    ["Side", (row) => [Number(row.quantity) > 0 ? "▲ Long" : "▼ Short", "side"], true],
    ["Opened (UTC)", (row) => time(row.opened_at), true],
    ["Quantity", (row) => quantity(Math.abs(Number(row.quantity)))],
    ["Marked at", (row) => price(row.price)],
    ["Fees", (row) => fixed(Number(row.costs.fees))],
    ["Slippage", (row) => fixed(Number(row.costs.slippage))],
    ["Funding", (row) => fixed(Number(row.costs.funding))],
    summary.open_positions.some((row) => Number(row.insurance)) && ["Insurance", (row) => fixed(Number(row.insurance))],
  ].filter(Boolean), summary.open_positions));
};
