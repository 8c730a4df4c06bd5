/** Points on two logarithmic axes, as SVG, with the slope of proportional growth through each series' first point. */

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [640, 420, 64, 16, 40, 48];
const COLOURS = ['#1f6fb4', '#c8501e', '#2c8a4b', '#7b4fa3'];

/** @param {{title: string, x: string, y: string, series: {name: string, points: [number, number][]}[]}} what */
export function plot({ title, x, y, series }) {
  const all = series.flatMap(({ points }) => points);
  const across = axis(
    all.map(([value]) => value),
    LEFT,
    WIDTH - RIGHT,
  );
  const up = axis(
    all.map(([, value]) => value),
    HEIGHT - BOTTOM,
    TOP,
  );
  const drawn = series.map(({ name, points }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const places = points.map((point) => `${across.at(point[0])},${up.at(point[1])}`);
    const [x0, y0] = points[0];
    const end = Math.min(across.max / x0, up.max / y0);
    return [
      `<line x1="${across.at(x0)}" y1="${up.at(y0)}" x2="${across.at(x0 * end)}" y2="${up.at(y0 * end)}" stroke="${colour}" stroke-dasharray="4 4" opacity=".5"/>`,
      `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...places.map(
        (place) => `<circle cx="${place.split(',')[0]}" cy="${place.split(',')[1]}" r="3" fill="${colour}"/>`,
      ),
      `<text x="${LEFT + 12}" y="${TOP + 18 + 18 * i}" fill="${colour}">${escaped(name)}</text>`,
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<title>${escaped(title)}</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>
<text x="${LEFT}" y="22" font-size="15">${escaped(title)}</text>
<text x="${LEFT + 12}" y="${TOP + 18 + 18 * series.length}" fill="#666">dashed: as fast as work grows</text>
${across.ticks.map((value) => `<line x1="${across.at(value)}" y1="${TOP}" x2="${across.at(value)}" y2="${HEIGHT - BOTTOM}" stroke="#ddd"/><text x="${across.at(value)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${value}</text>`).join('\n')}
${up.ticks.map((value) => `<line x1="${LEFT}" y1="${up.at(value)}" x2="${WIDTH - RIGHT}" y2="${up.at(value)}" stroke="#ddd"/><text x="${LEFT - 6}" y="${up.at(value) + 4}" text-anchor="end">${value}</text>`).join('\n')}
<text x="${(LEFT + WIDTH) / 2}" y="${HEIGHT - 10}" text-anchor="middle">${escaped(x)}</text>
<text transform="translate(14 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>
${drawn.join('\n')}
</svg>
`;
}

/** From whole powers of ten to whole powers of ten. */
function axis(values, from, to) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  return {
    max: 10 ** high,
    at: (value) => Number((from + ((Math.log10(value) - low) / (high - low)) * (to - from)).toFixed(1)),
    ticks: Array.from({ length: high - low + 1 }, (_, i) => Number((10 ** (low + i)).toPrecision(1))),
  };
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
