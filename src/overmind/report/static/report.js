"use strict";
// Draws the charts and pages through the trades. All that it shows is in this file; it asks nobody for anything.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const MINUS = "\u2212", NONE = "\u2013";

  function charts() {
    const library = window.LightweightCharts;
    const points = library ? read("points") : [];
    if (!points.length) return;
    document.getElementById("charts").hidden = false;
    const colour = (selector) => getComputedStyle(document.querySelector(selector)).color;
    const faded = (rgb, alpha) => rgb.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
    function look() {
      const card = getComputedStyle(document.querySelector(".card"));
      return {
        autoSize: true,
        layout: { attributionLogo: false, background: { color: card.backgroundColor }, textColor: colour(".dim"), fontFamily: card.fontFamily, fontSize: 11 },
        grid: { vertLines: { visible: false }, horzLines: { color: card.borderTopColor } },
        rightPriceScale: { borderColor: card.borderTopColor, minimumWidth: 90 },
        timeScale: { borderColor: card.borderTopColor, timeVisible: true, secondsVisible: false },
        handleScroll: { vertTouchDrag: false, mouseWheel: false },
        handleScale: { mouseWheel: false },
        localization: { timeFormatter: (s) => new Date(s * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC" },
      };
    }
    const format = (formatter, minMove) => ({ type: "custom", minMove, formatter });
    const dollars = format((value) => "$" + value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 }), 0.01);
    const times = format((value) => value.toFixed(4), 0.0001);
    const percent = format((value) => `${value.toFixed(2)} %`, 0.01);
    const made = ["chart-equity", "chart-growth", "chart-drawdown"].map((id) => library.createChart(document.getElementById(id), look()));
    const [equity, growth, drawdown] = made;
    const quiet = { lastValueVisible: false, priceLineVisible: false };
    const series = {
      deposits: equity.addSeries(library.LineSeries, { ...quiet, lineWidth: 1, lineType: 1, priceFormat: dollars }),
      equity: equity.addSeries(library.AreaSeries, { lineWidth: 2, priceLineVisible: false, priceFormat: dollars }),
      held: growth.addSeries(library.LineSeries, { ...quiet, lineWidth: 1, priceFormat: times }),
      index: growth.addSeries(library.LineSeries, { lineWidth: 2, priceLineVisible: false, priceFormat: times }),
      drawdown: drawdown.addSeries(library.AreaSeries, { lineWidth: 1, invertFilledArea: true, priceLineVisible: false, priceFormat: percent }),
    };
    function paint() {
      const accent = colour(".key-equity"), dim = colour(".dim"), text = colour(".card");
      for (const chart of made) chart.applyOptions(look());
      series.equity.applyOptions({ lineColor: accent, topColor: faded(accent, 0.22), bottomColor: faded(accent, 0.02) });
      series.index.applyOptions({ color: accent });
      for (const one of [series.deposits, series.held]) one.applyOptions({ color: dim });
      series.drawdown.applyOptions({ lineColor: text, topColor: faded(text, 0.02), bottomColor: faded(text, 0.2) });
    }
    const drawn = (column) => points.filter((point) => point[column] !== null).map((point) => ({ time: point[0], value: point[column] }));
    series.equity.setData(drawn(1));
    series.deposits.setData(drawn(2));
    series.index.setData(drawn(3));
    series.held.setData(drawn(4));
    let highest = 0;
    series.drawdown.setData(points.map((point) => {
      highest = Math.max(highest, point[3]);
      return { time: point[0], value: highest ? 100 * (point[3] / highest - 1) : 0 };
    }));
    paint();
    for (const chart of made) chart.timeScale().fitContent();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  }

  function trades() {
    const table = document.getElementById("trade-table");
    if (!table) return;
    const { words, rows } = read("trade-list");
    const size = Number(table.dataset.rows);
    const grouped = (value, digits) => value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    const signed = (value, shown) => (value < 0 ? MINUS : value > 0 ? "+" : "") + shown;
    const orNone = (show) => (value) => (value === null ? NONE : show(value));
    const usd = (value) => (value !== 0 && Math.abs(value) < 0.01 ? "$" + Number(Math.abs(value).toPrecision(3)) : "$" + grouped(Math.abs(value), 2));
    const price = (value) => (Math.abs(value) >= 10000 ? grouped(value, 2) : String(Number(value.toPrecision(6))));
    const word = (value) => words[value];
    function span(seconds) {
      const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24, minutes = Math.floor(seconds / 60) % 60;
      if (days) return `${days} d ${hours} h`;
      if (hours) return `${hours} h ${String(minutes).padStart(2, "0")} min`;
      return minutes ? `${minutes} min ${String(seconds % 60).padStart(2, "0")} s` : `${seconds} s`;
    }
    const COLUMNS = [
      [(value) => new Date(value * 1000).toISOString().slice(0, 19).replace("T", " "), ""],
      [orNone(span), "n"],
      [word, ""], [word, ""], [word, ""],
      [String, "n"], [orNone(price), "n"], [orNone(price), "n"],
      [usd, "n"],
      [(value) => signed(value, usd(value)), "n"],
      [orNone((value) => signed(value, grouped(Math.abs(value), 2) + " %")), "n"],
      [orNone((value) => (value < 0 ? MINUS : "") + grouped(Math.abs(value), 2)), "n"],
      [word, ""], [word, ""],
      [String, "id"], [String, "id"],
    ];
    const WORDS = [2, 3, 4, 12, 13];
    let sorted = 0, down = true, at = 0, shown = rows;
    const [count, filter, newer, older] = ["count", "filter", "newer", "older"].map((name) => document.getElementById(`trade-${name}`));

    const keyOf = (row, column) => (WORDS.includes(column) ? words[row[column]] : row[column]);
    function compare(one, other) {
      const [a, b] = [keyOf(one, sorted), keyOf(other, sorted)];
      if (a === b) return 0;
      if (a === null || b === null) return a === null ? 1 : -1; // Unknown values come last, whichever way it is sorted.
      return (a < b ? -1 : 1) * (down ? -1 : 1);
    }
    const textOf = (row) => [...WORDS.map((column) => words[row[column]]), row[14], row[15]].join(" ").toLowerCase();

    function select() {
      const wanted = filter.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      shown = wanted.length ? rows.filter((row) => { const text = textOf(row); return wanted.every((one) => text.includes(one)); }) : rows.slice();
      shown.sort(compare);
      at = 0;
      show();
    }

    function show() {
      const body = document.createElement("tbody");
      for (const row of shown.slice(at, at + size)) {
        const line = body.insertRow();
        COLUMNS.forEach(([told, kind], column) => {
          const cell = line.insertCell();
          cell.textContent = told(row[column]);
          if (kind) cell.className = kind;
        });
      }
      table.tBodies[0].replaceWith(body);
      const total = shown.reduce((sum, row) => sum + row[9], 0);
      count.textContent = shown.length ? `${at + 1} to ${Math.min(at + size, shown.length)} of ${grouped(shown.length, 0)}, PnL ${signed(total, usd(total))}` : "No trade fits.";
      newer.disabled = at === 0;
      older.disabled = at + size >= shown.length;
      [...table.tHead.rows[0].cells].forEach((cell, column) => {
        if (column === sorted) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        else cell.removeAttribute("aria-sort");
      });
    }

    [...table.tHead.rows[0].cells].forEach((cell, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = cell.textContent;
      button.addEventListener("click", () => {
        down = sorted === column ? !down : true;
        sorted = column;
        select();
      });
      cell.replaceChildren(button);
    });
    filter.addEventListener("input", select);
    newer.addEventListener("click", () => { at -= size; show(); });
    older.addEventListener("click", () => { at += size; show(); });
    for (const one of document.querySelectorAll(".only-static")) one.remove();
    document.getElementById("trade-tools").hidden = false;
    select();
  }

  charts();
  setTimeout(() => { trades(); document.documentElement.dataset.report = "ready"; }, 0); // for whoever waits for it
})();
