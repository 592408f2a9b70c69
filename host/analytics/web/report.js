// Puts the page together.

const setUpTheme = () => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    repaintCharts();
  });
  system.addEventListener("change", repaintCharts);
};

const data = JSON.parse(byId("data").textContent);
setUpTheme();
header(data);
notices(data);
cards(data);
drawdownFacts(data);
figureGroups(data);
strategyTable(data);
heatmap(data);
costBridge(data);
ruleTable(data);
riskFacts(data);
refusalTable(data);
faultTable(data);
changeTable(data);
hostOrderTable(data);
liquidationTable(data);
stateTable(data);
openTable(data);
distributions(data);
tradeTable(data);
identity(data);
equityChart(data);
priceChart(data);
marginChart(data);
rollingChart("sharpe-chart", "sharpe-legend", data.rolling, data.rolling.sharpe, (value) => fixed(value), (value) => fixed(value, 1));
rollingChart("winrate-chart", "winrate-legend", data.rolling, data.rolling.win_rate, (value) => percent(value, 1), (value) => percent(value, 0),
  (window, index) => { const closed = data.rolling.closed[window][index]; return ` of ${fixed(closed, 0)} ${closed === 1 ? "trade" : "trades"}`; });
document.documentElement.dataset.ready = "true";
