/** Training as Keras shows it: a line redrawn in place on a terminal, one line an epoch elsewhere. */
import { createColors } from 'picocolors';
import type { Callback } from './callbacks';
import { kerasName, type Logs } from './history';

/** What the printer needs of a stream; process.stderr is one. */
export interface Terminal {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

const BAR_WIDTH = 20;
const REDRAW_MILLISECONDS = 50;

/**
 * @param verbose 0 silent, 1 redrawn line, 2 one line an epoch, 'auto' = 1 on a terminal, else 2
 * @returns a callback, undefined when there is nothing to print
 */
export function progressPrinter(
  verbose: 0 | 1 | 2 | 'auto',
  stream: Terminal = process.stderr,
  environment: NodeJS.ProcessEnv = process.env,
): Callback | undefined {
  const level = verbose === 'auto' ? (stream.isTTY ? 1 : 2) : verbose;
  if (level === 0) return undefined;
  return level === 1 ? redrawn(stream, environment) : linePerEpoch(stream);
}

function linePerEpoch(stream: Terminal): Callback {
  let began = 0;
  return {
    onEpochBegin() {
      began = performance.now();
    },
    onEpochEnd(epoch, logs, { epochs, batch, batches, stepMicroseconds }) {
      const title = `Epoch ${epoch + 1}/${epochs}`;
      const times = `${elapsed(performance.now() - began)} ${perStep(stepMicroseconds)}`;
      stream.write(`${title} - ${batch}/${of(batches)} - ${times} - ${values(logs)}\n`);
    },
  };
}

function redrawn(stream: Terminal, environment: NodeJS.ProcessEnv): Callback {
  const colors = createColors(Boolean(stream.isTTY) && !environment.NO_COLOR && environment.TERM !== 'dumb');
  let began = 0;
  let drawn = 0;
  let open = false;
  const draw = (batch: number, batches: number, microseconds: number, logs: Logs, isLast = false): void => {
    const count = `${String(batch).padStart(of(batches).length)}/${of(batches)} `;
    const tail = ` ${elapsed(performance.now() - began)} ${perStep(microseconds)} - ${values(logs)}`;
    // A line that wraps could not be redrawn in place; one that stays may.
    const room = (stream.columns ?? 120) - 1 - count.length;
    const width = Math.max(0, Math.min(BAR_WIDTH, room - tail.length));
    const filled = batches === 0 ? 0 : Math.round((batch / batches) * width);
    const bar = colors.green('━'.repeat(filled)) + colors.gray('─'.repeat(width - filled));
    stream.write(`\r${count}${bar}${isLast ? tail : wholeParts(tail, room)}\x1b[K`);
    drawn = performance.now();
    open = true;
  };
  const endLine = (): void => {
    if (open) stream.write('\n');
    open = false;
  };
  return {
    onEpochBegin(epoch, { epochs }) {
      stream.write(`Epoch ${epoch + 1}/${epochs}\n`);
      began = performance.now();
      drawn = 0;
    },
    onProgress({ batch, batches, logs }) {
      if (performance.now() - drawn < REDRAW_MILLISECONDS) return;
      draw(batch, batches, ((performance.now() - began) * 1000) / Math.max(1, batch), logs);
    },
    onEpochEnd(_epoch, logs, { batch, batches, stepMicroseconds }) {
      draw(batch, batches, stepMicroseconds, logs, true);
      endLine();
    },
    onTrainError: endLine,
  };
}

/** As many of the parts, which " - " divides, as there is room for. */
function wholeParts(text: string, room: number): string {
  if (text.length <= room) return text;
  const end = text.lastIndexOf(' - ', room);
  return end < 0 ? '' : text.slice(0, end);
}

/** Batches in all, "?" while that is not known. */
const of = (batches: number) => (Number.isFinite(batches) ? String(batches) : '?');

/** "accuracy: 0.9787 - loss: 0.0753 - val_loss: …", sorted, names as Keras writes them. */
export function values(logs: Logs): string {
  const isPlain = (size: number) => size === 0 || (size > 1e-3 && size < 1e6);
  const number = (value: number) => (isPlain(Math.abs(value)) ? value.toFixed(4) : value.toExponential(4));
  return Object.entries(logs)
    .map(([name, value]) => `${kerasName(name)}: ${number(value)}`)
    .sort()
    .join(' - ');
}

/** "0s", "75s" … "2:05", "1:01:01". */
function elapsed(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds}s`;
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** "37us/step", "4ms/step", "2s/step". */
function perStep(microseconds: number): string {
  if (microseconds >= 1e6) return `${(microseconds / 1e6).toFixed(0)}s/step`;
  if (microseconds >= 1e3) return `${(microseconds / 1e3).toFixed(0)}ms/step`;
  return `${microseconds.toFixed(0)}us/step`;
}
