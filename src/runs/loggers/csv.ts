import { boolean, closed, text, wrong } from '../../arguments';
import { AppendFile } from '../../files/append-file';
import type { Callback } from '../../train/callbacks';
import { epochsOf, kerasName, type Logs } from '../../train/history';

export interface CsvLoggerOptions {
  /** Between values; default ','. */
  separator?: string;
  /** Go on with the file that is there instead of beginning a new one; default false. */
  append?: boolean;
}

/**
 * One line an epoch, as Keras' CSVLogger writes it: `epoch`, then the logs by name, sorted, names as val_loss; NA for
 * what an epoch has not. A resumed training begins with the epochs before. Called once an epoch.
 * @throws ERR_ARG; fit then ERR_IO
 */
export function csvLogger(file: string, options?: CsvLoggerOptions): Callback {
  const where = 'csvLogger';
  text(where, 'file', file);
  const o = closed<CsvLoggerOptions>(where, options, ['separator', 'append']);
  const { separator = ',' } = o;
  if (typeof separator !== 'string' || !/^[^\w."\r\n+-]$/.test(separator))
    throw wrong(where, 'separator', separator, 'one character that is in no number');
  const append = boolean(where, 'append', o.append, false);
  let out: AppendFile | undefined;
  let columns: string[] | undefined;
  const write = (epoch: number, given: Logs, titled = true): void => {
    const logs = Object.fromEntries(Object.entries(given).map(([name, value]) => [kerasName(name), value]));
    if (!columns) {
      columns = Object.keys(logs).sort();
      // Keras leaves room for a validation that comes later.
      if (!columns.some((name) => name.startsWith('val_')))
        columns.push(...columns.map((name) => `val_${name}`));
      if (titled) out?.append(`${['epoch', ...columns].join(separator)}\r\n`);
    }
    const values = columns.map((name) => (name in logs ? pythonFloat(logs[name]) : 'NA'));
    out?.append(`${[epoch, ...values].join(separator)}\r\n`);
  };
  let titled = true;
  return {
    onTrainBegin({ history }): void {
      out?.close();
      out = new AppendFile(file, append ? 'a' : 'w');
      columns = undefined;
      titled = out.isEmpty;
      if (!append) for (const { epoch, logs } of epochsOf(history)) write(epoch, logs);
    },
    onEpochEnd: (epoch, logs) => write(epoch, logs, titled),
    onTrainEnd: () => out?.close(),
    onTrainError: () => out?.close(),
  };
}

/** A float as Python's repr writes it: 0.1, 1.0, 1e-05, 1e+16. */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const [digits, exponent] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power < -4 || power >= 16)
    return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
