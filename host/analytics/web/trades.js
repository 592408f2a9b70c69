// The trade table: all trades, sorted and filtered in the page, a page at a time.

const PAGE_ROWS = 25;

const tradeTable = (data) => {
  const { trades, strategies, prices } = data;
  const count = trades.net.length;
  const several = { strategies: strategies.length > 1, symbols: prices.length > 1, funding: trades.funding.some(Boolean), insurance: trades.insurance.some(Boolean) };
  const liquidated = new Set(trades.liquidated);
  const byHost = new Set(trades.by_host);
  const number = (index) => index + 1;
  const symbol = (index) => prices[trades.instrument[index]].symbol;
  const strategy = (index) => strategies[trades.strategy[index]].name;
  const holding = (index) => trades.closed[index] - trades.opened[index];
  const coloured = (text) => (index) => [text(index), tone(trades.net[index])];
  const columns = [
    { title: "#", key: number, cell: (index) => [fixed(number(index), 0)] },
    several.strategies && { title: "Strategy", key: strategy, cell: (index) => [strategy(index)], text: true },
    { title: "Symbol", key: symbol, cell: (index) => [symbol(index)], text: true },
    { title: "Side", key: (index) => trades.side[index], cell: (index) => [trades.side[index] === "long" ? "▲ Long" : "▼ Short", "side"], text: true },
    { title: "Opened (UTC)", key: (index) => trades.opened[index], cell: (index) => [minute(trades.opened[index])], text: true },
    { title: "Closed (UTC)", key: (index) => trades.closed[index], cell: (index) => [minute(trades.closed[index])], text: true },
    { title: "Held", key: holding, cell: (index) => [duration(holding(index))] },
    { title: "Quantity", key: (index) => trades.quantity[index], cell: (index) => [quantity(trades.quantity[index])] },
    { title: "Entry", key: (index) => trades.entry[index], cell: (index) => [price(trades.entry[index])] },
    { title: "Exit", key: (index) => trades.exit[index], cell: (index) => (liquidated.has(index) ? [`⚠ ${price(trades.exit[index])}`, "bad"] : byHost.has(index) ? [`⌂ ${price(trades.exit[index])}`] : [price(trades.exit[index])]) },
    { title: "Fees", key: (index) => trades.fees[index], cell: (index) => [fixed(trades.fees[index])] },
    { title: "Slippage", key: (index) => trades.slippage[index], cell: (index) => [fixed(trades.slippage[index])] },
    several.funding && { title: "Funding", key: (index) => trades.funding[index], cell: (index) => [fixed(trades.funding[index])] },
    several.insurance && { title: "Insurance", key: (index) => trades.insurance[index], cell: (index) => [fixed(trades.insurance[index])] },
    { title: "Net", key: (index) => trades.net[index], cell: coloured((index) => signedFixed(trades.net[index])) },
    { title: "Return", key: (index) => trades.return[index] ?? -Infinity, cell: coloured((index) => signedPercent(trades.return[index])) },
  ].filter(Boolean);
  // A phone shows the first few columns: results come before details there.
  if (matchMedia("(max-width: 560px)").matches) {
    const results = columns.splice(-2);
    columns.splice(columns.findIndex((column) => column.title === "Side") + 1, 0, ...results);
  }

  const filter = { strategy: "", symbol: "", side: "", result: "", text: "" };
  const sort = { column: 0, descending: false };
  let page = 0;
  let rows = [];
  const table = byId("trade-table");

  const texts = new Map();
  const textOf = (index) => {
    if (!texts.has(index)) {
      texts.set(index, `${number(index)} ${strategy(index)} ${symbol(index)} ${trades.side[index]} ${minute(trades.opened[index])} ${minute(trades.closed[index])}${liquidated.has(index) ? " liquidated" : ""}${byHost.has(index) ? " host" : ""}`.toLowerCase());
    }
    return texts.get(index);
  };
  const matches = (index) => (!filter.strategy || String(trades.strategy[index]) === filter.strategy)
    && (!filter.symbol || String(trades.instrument[index]) === filter.symbol)
    && (!filter.side || trades.side[index] === filter.side)
    && (!filter.result || (filter.result === "liquidated" ? liquidated.has(index) : filter.result === "host" ? byHost.has(index) : filter.result === "win" ? trades.net[index] > 0 : trades.net[index] <= 0))
    && (!filter.text || filter.text.split(/\s+/).every((word) => textOf(index).includes(word)));

  const select = () => {
    rows = [];
    for (let index = 0; index < count; index++) if (matches(index)) rows.push(index);
    const { key } = columns[sort.column];
    const keys = new Map(rows.map((index) => [index, key(index)]));
    const direction = sort.descending ? -1 : 1;
    rows.sort((a, b) => {
      const [left, right] = [keys.get(a), keys.get(b)];
      return left < right ? -direction : left > right ? direction : a - b;
    });
    page = 0;
    draw();
  };

  const draw = () => {
    const shown = rows.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS);
    table.tBodies[0].replaceChildren(...shown.map((index) => el("tr", {}, ...columns.map((column) => {
      const [text, mark = ""] = column.cell(index);
      return el("td", { class: `${column.text ? "text " : ""}${mark}` }, text);
    }))));
    if (!shown.length) table.tBodies[0].append(el("tr", {}, el("td", { class: "text", colspan: columns.length }, count ? "No trade matches the filters." : "The run closed no trade.")));
    const net = rows.reduce((sum, index) => sum + trades.net[index], 0);
    byId("trade-count").textContent = rows.length === count
      ? `${fixed(count, 0)} trades`
      : `${fixed(rows.length, 0)} of ${fixed(count, 0)} trades, net ${signedFixed(net)}`;
    const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
    byId("trade-pager").hidden = pages === 1;
    position.textContent = `Page ${fixed(page + 1, 0)} of ${fixed(pages, 0)}`;
    first.disabled = back.disabled = page === 0;
    next.disabled = last.disabled = page >= pages - 1;
  };

  const heads = columns.map((column, index) => {
    const button = el("button", {
      type: "button",
      onclick: () => {
        sort.descending = sort.column === index ? !sort.descending : !column.text && index > 0;
        sort.column = index;
        heads.forEach((head, other) => {
          if (other === index) head.setAttribute("aria-sort", sort.descending ? "descending" : "ascending");
          else head.removeAttribute("aria-sort");
          head.firstChild.textContent = columns[other].title + (other === index ? (sort.descending ? " ↓" : " ↑") : "");
        });
        select();
      },
    }, column.title);
    return el("th", { scope: "col", class: column.text ? "text" : "" }, button);
  });
  table.tHead.append(el("tr", {}, ...heads));

  const go = (to) => () => { page = to(); draw(); };
  const lastPage = () => Math.ceil(rows.length / PAGE_ROWS) - 1;
  const position = el("span", {});
  const first = el("button", { type: "button", onclick: go(() => 0) }, "First");
  const back = el("button", { type: "button", onclick: go(() => page - 1) }, "Previous");
  const next = el("button", { type: "button", onclick: go(() => page + 1) }, "Next");
  const last = el("button", { type: "button", onclick: go(lastPage) }, "Last");
  byId("trade-pager").append(position, first, back, next, last);

  const choose = (name) => (value) => { filter[name] = value; select(); };
  const search = el("input", { type: "search", placeholder: "Search: symbol, date, number …", "aria-label": "Search trades", oninput: () => choose("text")(search.value.trim().toLowerCase()) });
  const form = byId("trade-filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.append(search);
  if (several.strategies) form.append(selection("Strategy", [["", "All strategies"], ...strategies.map((entry, index) => [String(index), entry.name])], choose("strategy")));
  if (several.symbols) form.append(selection("Symbol", [["", "All symbols"], ...prices.map((entry, index) => [String(index), entry.symbol])], choose("symbol")));
  form.append(
    selection("Side", [["", "Long and short"], ["long", "Long"], ["short", "Short"]], choose("side")),
    selection("Result", [["", "Wins and losses"], ["win", "Wins"], ["loss", "Losses"], ...(liquidated.size ? [["liquidated", "⚠ Liquidated"]] : []), ...(byHost.size ? [["host", "⌂ Closed by the host"]] : [])], choose("result")),
  );
  heads[0].setAttribute("aria-sort", "ascending");
  heads[0].firstChild.textContent = "# ↑";
  select();
};
