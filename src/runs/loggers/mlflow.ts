import { closed, text } from '../../arguments';
import { FusorError } from '../../errors';
import type { Callback, TrainingContext } from '../../train/callbacks';
import { epochsOf, kerasName, type Logs } from '../../train/history';

export interface MlflowOptions {
  /** Of the tracking server, http(s)://…; default: the variable MLFLOW_TRACKING_URI. */
  uri?: string;
  /** Made when it is not there; default: MLFLOW_EXPERIMENT_NAME, else 'Default'. */
  experiment?: string;
  /** Default: the server chooses. */
  runName?: string;
  /** What to show beside the metrics, besides epochs, batchSize, seed and what the model was compiled with. */
  params?: Readonly<Record<string, string | number | boolean>>;
}

const TIMEOUT = 10_000;
/** The protocol's limit on one log-batch. */
const MOST = 1000;

interface Metric {
  key: string;
  /** What is not finite is text in JSON: 'NaN', '-Infinity'. */
  value: number | string;
  timestamp: number;
  step: number;
}

/**
 * Logs to an MLflow tracking server by its REST protocol 2.0: params when training begins, the epoch's logs as
 * val_loss, … and the learning_rate at each epoch's end, the run's status at the end. MLFLOW_TRACKING_TOKEN, or
 * …_USERNAME and …_PASSWORD, are sent where they are set. A server that cannot be had when training begins is ERR_IO;
 * one that fails later is said once, and what it missed is sent with the next epoch.
 */
export function mlflowLogger(options?: MlflowOptions): Callback & { readonly runId: string | undefined } {
  const where = 'mlflowLogger';
  const o = closed<MlflowOptions>(where, options, ['uri', 'experiment', 'runName', 'params']);
  const { env } = process;
  const given = o.uri ?? env.MLFLOW_TRACKING_URI;
  if (!given)
    throw new FusorError('ERR_ARG', [
      'which tracking server is not said',
      where,
      'set MLFLOW_TRACKING_URI, or give uri: http://127.0.0.1:5000',
    ]);
  const uri = text(where, 'uri', given).replace(/\/+$/, '');
  const experiment = text(where, 'experiment', o.experiment ?? (env.MLFLOW_EXPERIMENT_NAME || 'Default'));
  return new Mlflow(new Server(uri), experiment, o.runName, o.params ?? {});
}

class Mlflow implements Callback {
  runId: string | undefined;
  #waiting: Metric[] = [];
  #told = false;

  constructor(
    private readonly server: Server,
    private readonly experiment: string,
    private readonly runName: string | undefined,
    private readonly params: NonNullable<MlflowOptions['params']>,
  ) {}

  async onTrainBegin(context: TrainingContext): Promise<void> {
    this.#waiting = [];
    this.#told = false;
    const run = await this.server.call<{ run: { info: { run_id: string } } }>('POST', 'runs/create', {
      experiment_id: await this.#experimentId(),
      start_time: Date.now(),
      ...(this.runName !== undefined && { run_name: this.runName }),
      tags: [{ key: 'mlflow.source.name', value: 'fusor' }],
    });
    this.runId = run.run.info.run_id;
    const params = Object.entries({ ...paramsOf(context), ...this.params }).slice(0, 100);
    await this.server.call('POST', 'runs/log-batch', {
      run_id: this.runId,
      params: params.map(([key, value]) => ({ key, value: String(value).slice(0, 500) })),
    });
    for (const { epoch, logs } of epochsOf(context.history)) this.#note(epoch, logs);
  }

  async onEpochEnd(epoch: number, logs: Logs, { learningRate }: TrainingContext): Promise<void> {
    this.#note(epoch, { learningRate, ...logs });
    await this.#tolerant(() => this.#send());
  }

  async onTrainEnd(): Promise<void> {
    await this.#end('FINISHED');
  }

  async onTrainError(_error: unknown, { aborted }: TrainingContext): Promise<void> {
    await this.#end(aborted ? 'KILLED' : 'FAILED');
  }

  #note(step: number, logs: Logs): void {
    const timestamp = Date.now();
    for (const [name, value] of Object.entries(logs))
      this.#waiting.push({
        key: kerasName(name),
        value: Number.isFinite(value) ? value : String(value),
        timestamp,
        step,
      });
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const metrics = this.#waiting.slice(0, MOST);
      const sent = () => {
        this.#waiting = this.#waiting.slice(metrics.length);
      };
      try {
        await this.server.call('POST', 'runs/log-batch', { run_id: this.runId, metrics });
      } catch (error) {
        // What the server will not have it will not have later either.
        const { status } = (error as FusorError).details as { status?: number };
        if (status !== undefined && status >= 400 && status < 500) sent();
        throw error;
      }
      sent();
    }
  }

  async #end(status: string): Promise<void> {
    if (this.runId === undefined) return;
    const update = { run_id: this.runId, status, end_time: Date.now() };
    await this.#tolerant(() => this.#send());
    await this.#tolerant(() => this.server.call('POST', 'runs/update', update));
  }

  /** No training ends because of a server that writes it down. */
  async #tolerant(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#told) process.stderr.write(`warning: ${(error as Error).message}; training goes on\n`);
      this.#told = true;
    }
  }

  async #experimentId(): Promise<string> {
    const path = `experiments/get-by-name?experiment_name=${encodeURIComponent(this.experiment)}`;
    const found = await this.server.call<{ experiment: { experiment_id: string } } | null>('GET', path);
    if (found) return found.experiment.experiment_id;
    const name = this.experiment;
    const made = await this.server.call<{ experiment_id: string }>('POST', 'experiments/create', { name });
    return made.experiment_id;
  }
}

class Server {
  constructor(private readonly uri: string) {}

  /** @returns null for what GET does not find. @throws ERR_IO */
  async call<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
    let status: number | undefined;
    const fail = (what: string, cause?: unknown) =>
      new FusorError(
        'ERR_IO',
        [`MLflow: ${what}`, `${this.uri}, ${path.split('?')[0]}`, 'check the address and that it runs'],
        { uri: this.uri, ...(status !== undefined && { status }) },
        { cause },
      );
    let response: Response;
    let answer: string;
    try {
      response = await fetch(`${this.uri}/api/2.0/mlflow/${path}`, {
        method,
        headers: { 'content-type': 'application/json', ...authorization() },
        signal: AbortSignal.timeout(TIMEOUT),
        ...(body && { body: JSON.stringify(body) }),
      });
      status = response.status;
      answer = await response.text();
    } catch (error) {
      const { message, cause } = error as Error & { cause?: Error };
      throw fail(`no answer (${(cause?.message || message).split('\n')[0]})`, error);
    }
    if (method === 'GET' && response.status === 404) return null as T;
    if (!response.ok) throw fail(`status ${response.status} ${answer.slice(0, 200).replace(/\s+/g, ' ')}`);
    try {
      return JSON.parse(answer || '{}') as T;
    } catch (error) {
      throw fail('the answer is not JSON', error);
    }
  }
}

function authorization(): Record<string, string> {
  const { MLFLOW_TRACKING_TOKEN: token, MLFLOW_TRACKING_USERNAME: user = '' } = process.env;
  if (token) return { authorization: `Bearer ${token}` };
  if (!user) return {};
  const password = process.env.MLFLOW_TRACKING_PASSWORD ?? '';
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

/** What was trained, as text: {epochs, batchSize, seed, optimizer.kind, …}. */
function paramsOf({ model, epochs, batchSize, seed }: TrainingContext): Record<string, string> {
  const { compile = {} } = model.toJSON() as { compile?: Record<string, unknown> };
  const flat: Record<string, string> = {
    epochs: String(epochs),
    batchSize: String(batchSize),
    seed: String(seed),
  };
  for (const [key, value] of Object.entries(compile)) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
    for (const [name, part] of Object.entries(value)) flat[`${key}.${name}`] = String(part);
  }
  return flat;
}
