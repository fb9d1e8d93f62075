"use strict";
// Draws how the best settings grew. All that it shows is in this file; it asks nobody for anything.
(() => {
  const library = window.LightweightCharts;
  const curves = library ? JSON.parse(document.getElementById("curves").textContent) : [];
  const drawn = curves.filter(([, points]) => points.length > 1);
  if (drawn.length) {
    document.getElementById("charts").hidden = false;
    const style = (selector) => getComputedStyle(document.querySelector(selector));
    const look = () => {
      const card = style(".card");
      return {
        autoSize: true,
        layout: { attributionLogo: false, background: { color: card.backgroundColor }, textColor: style(".dim").color, fontFamily: card.fontFamily, fontSize: 11 },
        grid: { vertLines: { visible: false }, horzLines: { color: card.borderTopColor } },
        rightPriceScale: { borderColor: card.borderTopColor, minimumWidth: 90 },
        timeScale: { borderColor: card.borderTopColor, timeVisible: true, secondsVisible: false },
        handleScroll: { vertTouchDrag: false, mouseWheel: false },
        handleScale: { mouseWheel: false },
        localization: { timeFormatter: (s) => new Date(s * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC" },
      };
    };
    const chart = library.createChart(document.getElementById("chart-growth"), look());
    const priceFormat = { type: "custom", minMove: 0.0001, formatter: (value) => value.toFixed(4) };
    const lines = drawn.map(([, points], place) => {
      const line = chart.addSeries(library.LineSeries, { lineWidth: place ? 1 : 2, lineStyle: place % 3, priceLineVisible: false, lastValueVisible: !place, priceFormat });
      line.setData(points.map(([time, value]) => ({ time, value })));
      return line;
    });
    const paint = () => {
      chart.applyOptions(look());
      lines.forEach((line, place) => line.applyOptions({ color: place ? style(".dim").color : style(".key-equity").color }));
    };
    paint();
    chart.timeScale().fitContent();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  }
  document.documentElement.dataset.report = "ready"; // for whoever waits for it
})();
