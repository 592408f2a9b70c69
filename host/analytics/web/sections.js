// Header, cards, tables of figures, costs and identity.

const figureOf = (groups, key) => groups.flatMap((group) => group.figures).find((figure) => figure.key === key);
const toneClass = (figure) => (figure.tone === "neutral" ? "" : figure.tone);

const header = ({ summary, prices }) => {
  const { run, period } = summary;
  byId("kind").textContent = `${run.mode.charAt(0).toUpperCase()}${run.mode.slice(1)} report`;
  byId("title").textContent = run.plugin || "Run";
  const symbols = prices.map((entry) => entry.symbol);
  const listed = symbols.length > 6 ? `${symbols.slice(0, 6).join(", ")} and ${symbols.length - 6} more` : symbols.join(", ");
  const venues = [...new Set(prices.map((entry) => entry.venue))].join(", ");
  const dates = [period.from, period.to].map((text) => text.replace("T00:00:00Z", "").replace("T", " "));
  byId("meta").textContent = [listed, venues, summary.timeframe, `${dates[0]} to ${dates[1]} (UTC)`, `${fixed(summary.bars, 0)} bars`].filter(Boolean).join(" · ");
  const badges = byId("badges");
  if (summary.synthetic) badges.append(el("span", { class: "badge" }, "Synthetic data: generated, not recorded from a market"));
  if (summary.interrupted) badges.append(el("span", { class: "badge" }, "Interrupted before the end"));
  byId("host-version").textContent = `CryptoBot Pro ${run.host_version}`;
};

// The kind of a fault where a plugin could not be loaded.
const NOT_LOADED = "not-loaded";

const notices = ({ summary }) => {
  const place = byId("notices");
  for (const fault of summary.faults) {
    if (fault.kind === NOT_LOADED) {
      place.append(el("p", { class: "notice fault" }, el("strong", {}, `${fault.strategy} was left out of the run: `), fault.message));
      continue;
    }
    place.append(el("p", { class: "notice fault" }, el("strong", {}, `${fault.strategy} was stopped: `), `${fault.message} (${[fault.kind, fault.call, fault.ts].filter(Boolean).join(", ")})${fault.restarted_at ? `; a fresh instance took over at ${fault.restarted_at}` : ""}`));
  }
  const leftOut = summary.faults.filter((fault) => fault.kind === NOT_LOADED).map((fault) => `${fault.strategy} was left out of the run`);
  for (const warning of summary.warnings.filter((text) => !leftOut.some((said) => text.startsWith(said)))) place.append(el("p", { class: "notice" }, warning));
  place.hidden = !place.children.length;
};

const CARDS = [
  ["total_return", (get) => `${get("final_equity").value} at the end`],
  ["cagr", (get) => `buy and hold ${get("buy_and_hold_return").value} in total`],
  ["sharpe", (get) => `Sortino ${get("sortino").value} · Calmar ${get("calmar").value}`],
  ["max_drawdown", (get) => `longest ${get("max_drawdown_days").value}`],
  ["win_rate", (get) => `${get("trades").value} closed trades`],
  ["profit_factor", (get) => (get("expectancy").value === UNDEFINED ? "no closed trades" : `${get("expectancy").value} a trade`)],
  ["exposure", (get) => `turnover ${get("turnover").value}`],
  ["fees", (get) => `slippage ${get("slippage").value}`],
];

const cards = ({ groups }) => {
  const get = (key) => figureOf(groups, key);
  byId("cards").append(...CARDS.map(([key, note]) => {
    const figure = get(key);
    return el("div", { class: "card", "data-key": key },
      el("div", { class: "label" }, figure.label),
      el("div", { class: `value ${toneClass(figure)}` }, figure.value),
      el("div", { class: "note", title: note(get) }, note(get)));
  }));
};

const figureGroups = ({ groups, summary }) => {
  byId("groups").append(...groups.map((group) => el("div", {},
    el("h3", {}, group.title),
    el("dl", { class: "figures" }, ...group.figures.map((figure) => el("div", {}, el("dt", {}, figure.label), el("dd", { class: toneClass(figure) }, figure.value)))))));
  const { metrics } = summary;
  const unit = metrics.sampling === "1h" ? "hourly" : "daily";
  byId("sampling").textContent = `From ${fixed(metrics.samples, 0)} ${unit} returns (UTC), annualised with 365 days, risk-free rate ${percent(metrics.risk_free)}`;
};

const drawdownFacts = (data) => {
  const facts = [["Deepest drawdown", data.deepest], ["Longest drawdown", data.longest]];
  byId("drawdown-facts").append(...facts.map(([label, found]) => {
    if (!found) return el("div", {}, el("dt", {}, label), el("dd", {}, "Equity never fell below a peak"));
    const end = found.recovered ?? data.to;
    const recovery = found.recovered === null ? "not recovered by the end" : `recovered ${day(found.recovered)}`;
    return el("div", {},
      el("dt", {}, label),
      el("dd", {}, el("strong", { class: "bad" }, percent(-found.depth)), ` over ${duration(end - found.peak)}`),
      el("dd", { class: "hint" }, `Peak ${day(found.peak)}, trough ${day(found.trough)}, ${recovery}`));
  }));
};

const STRATEGY_COLUMNS = ["final_equity", "total_return", "cagr", "sharpe", "max_drawdown", "trades", "win_rate", "profit_factor", "exposure", "fees"];

/** The plugin's name where it is not the strategy's. */
const plugin = (strategy, of) => (of.plugin && of.plugin !== strategy.name ? ` ${of.plugin}` : "");

const strategyTable = ({ strategies, summary }) => {
  if (strategies.length < 2) return;
  byId("strategies").hidden = false;
  const heads = STRATEGY_COLUMNS.map((key) => el("th", { scope: "col" }, figureOf(strategies[0].groups, key).label));
  const rows = strategies.map((strategy, index) => el("tr", {},
    el("td", { class: "text" }, el("strong", {}, strategy.name), plugin(strategy, summary.strategies[index])),
    ...STRATEGY_COLUMNS.map((key) => {
      const figure = figureOf(strategy.groups, key);
      return el("td", { class: toneClass(figure) }, figure.value);
    })));
  byId("strategy-table").append(el("table", { class: "grid" },
    el("thead", {}, el("tr", {}, el("th", { class: "text", scope: "col" }, "Strategy"), ...heads)), el("tbody", {}, ...rows)));
};

/** What trading earned before costs, what costs took, and what was left. */
const costBridge = ({ summary }) => {
  const { costs } = summary;
  const [fees, slippage, funding, liquidation] = [costs.fees, costs.slippage, costs.funding, costs.liquidation_fees].map(Number);
  const net = Number(summary.final_equity) - Number(summary.initial_balance);
  const insurance = Number(summary.insurance);
  const atReference = net + fees + funding + slippage - insurance;
  const rows = [
    ["Before costs", atReference, true], ["Slippage", -slippage], ["Fees", liquidation - fees], ["Funding", -funding],
    liquidation && ["Liquidation fees", -liquidation], insurance && ["Insurance fund", insurance], ["Net result", net, true],
  ].filter(Boolean);
  // Each bar begins where the one before ended.
  const ends = [];
  let level = 0;
  for (const [, value, total] of rows) {
    const begin = total ? 0 : level;
    level = begin + value;
    ends.push([begin, level]);
  }
  const low = Math.min(0, ...ends.flat());
  const span = Math.max(0, ...ends.flat()) - low || 1;
  const place = byId("costs");
  const grid = el("div", { class: "bridge" });
  rows.forEach(([label, value, total], index) => {
    const [begin, end] = ends[index];
    const bar = el("div", { class: "bar" });
    bar.style.left = `${((Math.min(begin, end) - low) / span) * 100}%`;
    bar.style.width = `${(Math.abs(value) / span) * 100}%`;
    bar.style.background = `var(--${value < 0 ? "bad" : "good"})`;
    if (!value) bar.hidden = true;
    if (label === "Net result") grid.append(el("div", { class: "rule" }));
    grid.append(el("div", { class: total ? "" : "label" }, label), el("div", { class: "track" }, bar), el("div", { class: `amount ${total ? tone(value) : ""}` }, signedFixed(value)));
  });
  place.append(grid, el("p", { class: "hint" }, `Amounts${summary.currency ? ` in ${summary.currency}` : ""}. Slippage is part of the fill prices; fees and funding are paid on top.${summary.open_positions.length ? " The net result includes positions that were still open." : ""}`));
};

const identity = ({ summary, configuration }) => {
  const { run, timing } = summary;
  const code = (text) => el("code", {}, text || UNDEFINED);
  const entries = [
    ["Run", run.id], ["Host", run.host_version], ["Mode", run.mode], ["Delivery", run.delivery], ["Seed", String(run.seed)],
    ["Engine time", timing.engine_s > 0 ? `${fixed(timing.engine_s, 3)} s, ${fixed(timing.bars_per_s, 0)} bars/s` : UNDEFINED],
    ["Plugin", code(run.plugin_sha256)], run.models_sha256 && ["Models", code(run.models_sha256)], ["Data", code(run.data_sha256)],
    ["Reference", code(run.reference_sha256)], ["Configuration", code(run.config_sha256)], ["Journal", code(summary.journal_sha256)],
  ].filter(Boolean);
  for (const strategy of summary.strategies) {
    const params = Object.entries(strategy.params).map(([name, value]) => `${name} = ${value}`).join(", ");
    entries.push([strategy.name, [strategy.plugin, strategy.symbols.join(", "), params].filter(Boolean).join(" · ")]);
  }
  byId("identity").append(...entries.map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, value))));
  const details = byId("configuration");
  details.querySelector("pre").textContent = configuration;
  details.hidden = !configuration;
};
