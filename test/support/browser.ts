/** A real browser: Debian's Chromium, or the one that FUSOR_CHROMIUM names. */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const PLACES = [process.env.FUSOR_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'];
const executablePath = PLACES.find((place) => place && existsSync(place));

/** Why there is none; null where there is. */
export const browserObstacle = executablePath ? null : 'there is no Chromium: apt-get install -y chromium';

export function openBrowser(): Promise<Browser> {
  // In a container root runs it.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

export const SCREENS = [1280, 400].flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
);

/** Opens a page and does `work` with it. @returns what its console said was wrong */
export async function visit(
  browser: Browser,
  url: string,
  { width, colorScheme }: (typeof SCREENS)[number],
  work: (page: Page) => Promise<void>,
): Promise<string[]> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const wrong: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) wrong.push(message.text());
  });
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('requestfailed', (request) => {
    // What a page itself gives up has not failed: its events, when they have come to their end.
    const why = request.failure()?.errorText;
    if (why !== 'net::ERR_ABORTED') wrong.push(`${request.url()} failed: ${why}`);
  });
  try {
    await page.goto(url);
    await work(page);
  } finally {
    await page.close();
  }
  return wrong;
}

/** As much of a browser's element as is looked at: tests are not compiled with the browser's types. */
interface Drawn {
  ownerSVGElement?: Drawn;
  querySelectorAll(selector: string): ArrayLike<Drawn>;
  getBoundingClientRect(): { width: number };
  getAttribute(name: string): string;
  scrollWidth: number;
  clientWidth: number;
}

interface InPage {
  document: Drawn & { body: Drawn; documentElement: Drawn };
  getComputedStyle(element: Drawn): { color: string; backgroundColor: string; fontSize: string };
}

/** What makes a page readable. */
export function readability(page: Page) {
  return page.evaluate(() => {
    const { document, getComputedStyle } = globalThis as never as InPage;
    const light = (colour: string) =>
      (colour.match(/[\d.]+/g) ?? []).slice(0, 3).reduce((sum, value) => sum + Number(value), 0) / 765;
    const body = getComputedStyle(document.body);
    const svgs = Array.from(document.querySelectorAll('svg')).filter(
      (svg) => svg.getBoundingClientRect().width > 0,
    );
    const letters = Array.from(document.querySelectorAll('p, td, th, small, li, svg text'))
      .filter((element) => element.getBoundingClientRect().width > 0)
      .map((element) => {
        // Letters in a picture that is scaled are scaled.
        const svg = element.ownerSVGElement;
        const scale = svg ? svg.getBoundingClientRect().width / Number(svg.getAttribute('width')) : 1;
        return Number.parseFloat(getComputedStyle(element).fontSize) * scale;
      });
    return {
      overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      background: light(body.backgroundColor),
      contrast: Math.abs(light(body.backgroundColor) - light(body.color)),
      smallest: Math.min(...letters),
      drawn: svgs.length,
      paths: svgs.map((svg) => svg.querySelectorAll('path').length),
    };
  });
}
