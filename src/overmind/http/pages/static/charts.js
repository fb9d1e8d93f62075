"use strict";
// Draws the charts. The points come from the service; a chart is made once and then gets new points while it is shown.
(() => {
  const AGAIN_MS = 15000; // The bars behind the charts are written as often.
  const MARKERS = { buy: ["belowBar", "arrowUp"], sell: ["aboveBar", "arrowDown"], refused: ["aboveBar", "circle"] };
  const library = window.LightweightCharts;
  const note = document.getElementById("charts-note");
  if (!library || !document.getElementById("charts")) {
    if (note) note.textContent = "The code of the charts did not load. Load the page again.";
    return;
  }

  // Colours come from the legend, so that they follow the theme.
  const colour = (selector) => getComputedStyle(document.querySelector(selector)).color;
  const plain = () => getComputedStyle(document.querySelector(".card"));
  const faded = (rgb, alpha) => rgb.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);

  function look() {
    const card = plain();
    return {
      autoSize: true,
      layout: { attributionLogo: false, background: { color: card.backgroundColor }, textColor: colour(".key-deposits"), fontFamily: card.fontFamily, fontSize: 11 },
      grid: { vertLines: { visible: false }, horzLines: { color: card.borderTopColor } },
      rightPriceScale: { borderColor: card.borderTopColor },
      timeScale: { borderColor: card.borderTopColor, timeVisible: true, secondsVisible: false },
      handleScroll: { vertTouchDrag: false },
      localization: { timeFormatter: (s) => new Date(s * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC" },
    };
  }

  const charts = {};
  let lines = [];

  function make(id) {
    const chart = library.createChart(document.getElementById(id), look());
    charts[id] = chart;
    return chart;
  }

  const equity = make("chart-equity");
  const drawdown = make("chart-drawdown");
  const candles = make("chart-candles");
  const quiet = { lastValueVisible: false, priceLineVisible: false };
  const series = {
    deposits: equity.addSeries(library.LineSeries, { ...quiet, lineWidth: 1, lineType: 1 }),
    equity: equity.addSeries(library.AreaSeries, { lineWidth: 2, priceLineVisible: false }),
    drawdown: drawdown.addSeries(library.AreaSeries, { lineWidth: 1, invertFilledArea: true, priceLineVisible: false }),
    candles: candles.addSeries(library.CandlestickSeries, { priceLineVisible: false }),
  };
  const marks = library.createSeriesMarkers(series.candles, []);
  const percent = { type: "custom", minMove: 0.01, formatter: (value) => `${value.toFixed(2)} %` };
  series.drawdown.applyOptions({ priceFormat: percent });
  const dollars = { type: "custom", minMove: 0.01, formatter: (value) => "$" + value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 }) };
  series.equity.applyOptions({ priceFormat: dollars });
  series.deposits.applyOptions({ priceFormat: dollars });

  function paint() {
    const accent = colour(".key-equity"), dim = colour(".key-deposits"), text = colour(".card");
    for (const chart of Object.values(charts)) chart.applyOptions(look());
    series.equity.applyOptions({ lineColor: accent, topColor: faded(accent, 0.22), bottomColor: faded(accent, 0.02) });
    series.deposits.applyOptions({ color: dim });
    series.drawdown.applyOptions({ lineColor: text, topColor: faded(text, 0.02), bottomColor: faded(text, 0.2) });
    series.candles.applyOptions({ upColor: accent, borderUpColor: accent, wickUpColor: accent, downColor: dim, borderDownColor: dim, wickDownColor: dim });
  }

  const points = (pairs) => pairs.map(([time, value]) => ({ time, value }));
  let drawn = ""; // the address whose points are shown

  function show(url, told) {
    series.equity.setData(points(told.curves.equity));
    series.deposits.setData(points(told.curves.deposits));
    series.drawdown.setData(points(told.curves.drawdown));
    const bars = told.candles.bars.map(([time, open, high, low, close]) => ({ time, open, high, low, close }));
    series.candles.setData(bars);
    const top = bars.reduce((most, bar) => Math.max(most, bar.close), 0);
    const digits = top >= 1000 ? 2 : top >= 1 ? 4 : 8;
    series.candles.applyOptions({ priceFormat: { type: "price", precision: digits, minMove: 10 ** -digits } });
    marks.setMarkers(marked(bars, [...told.candles.fills, ...told.candles.refused]));
    for (const line of lines) series.candles.removePriceLine(line);
    lines = told.candles.stops.map(({ price, text }) => series.candles.createPriceLine({ price, color: colour(".key-stop"), lineStyle: 2, lineWidth: 1, axisLabelVisible: false, title: text }));
    if (drawn !== url) for (const chart of Object.values(charts)) chart.timeScale().fitContent();
    drawn = url;
    if (note && !note.textContent.trim().startsWith("The past")) note.textContent = bars.length ? "" : "There are no bars of this time yet.";
  }

  // A marker stands at the bar in which it happened. Many at one bar become one with their number.
  function marked(bars, told) {
    const at = new Map();
    for (const { at_s: seconds, kind } of told) {
      let low = 0, high = bars.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (bars[middle].time <= seconds) low = middle + 1;
        else high = middle;
      }
      if (!low) continue;
      const key = `${bars[low - 1].time} ${kind}`;
      at.set(key, (at.get(key) || 0) + 1);
    }
    return [...at].map(([key, count]) => {
      const [time, kind] = key.split(" ");
      const [position, shape] = MARKERS[kind];
      return { time: Number(time), position, shape, color: colour(`.key-${kind}`), text: count > 1 && innerWidth > 700 ? String(count) : "", size: innerWidth > 700 ? 1 : 0.4 };
    }).sort((one, other) => one.time - other.time);
  }

  let askedAt = -AGAIN_MS, busy = false;
  async function refresh(force) {
    const url = document.getElementById("charts").dataset.url;
    if (busy || document.hidden || (!force && url === drawn && performance.now() - askedAt < AGAIN_MS)) return;
    busy = true;
    askedAt = performance.now();
    try {
      const answer = await fetch(url, { cache: "no-store" });
      if (answer.ok) show(url, await answer.json());
      else if (note) note.textContent = "The service does not give the points of the charts now.";
    } catch {
      if (note) note.textContent = "The service does not answer.";
    } finally {
      busy = false;
      document.documentElement.dataset.charts = drawn ? "drawn" : "empty"; // for whoever waits for them
    }
  }

  paint();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  document.addEventListener("desk:shown", () => refresh(false));
  document.addEventListener("visibilitychange", () => refresh(false));
  refresh(true);
})();
