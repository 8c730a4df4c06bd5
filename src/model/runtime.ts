/** A model's session: opened when first needed, exchanged when the plan or the device changes, its state kept. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { reading } from '../arguments';
import type { Session, SessionState, TrainPlan } from '../backend/contract';
import type { DeviceOptions } from '../backend/request';
import { selectBackend } from '../backend/select';
import type { Selection } from '../backend/selection';
import { FusorError } from '../errors';
import { soundSlots } from '../train/checkpoint';
import type { Position } from '../train/job';
import { requireStateMemory } from './footprint';
import type { Initializers } from './initializers';
import { planKey } from './plan';
import { checkedState, freshState, initialWeights } from './weights';

interface Open {
  session: Session;
  selection: Selection;
  /** What must be the same for it to serve another plan. */
  key: string;
  training: string;
}

/** A state, and the optimiser of which compile its slots are. */
interface Home {
  values: SessionState;
  training: string;
}

/** What was said until a call was made. */
interface Moment {
  compiled: number;
  select(): Promise<Selection>;
}

/** With another one the optimiser begins anew. */
const trainingOf = (plan: TrainPlan, { compiled }: Moment) => `${compiled} ${JSON.stringify(plan.optimizer)}`;

/** Work that reads a state, and that code of the user's is part of: a change that it waits for would wait for its end. */
const reader = new AsyncLocalStorage<{ of: Runtime; over: boolean }>();

export type Select = (request: DeviceOptions) => Promise<Selection>;

export class Runtime {
  readonly position: Position = { step: 0, learningRate: 0.01 };
  #request: DeviceOptions = {};
  #selection: Promise<Selection> | undefined;
  #open: Open | undefined;
  /** The truth while no session is open; undefined before the weights are drawn. */
  #home: Home | undefined;
  #drawn = false;
  /** How often it was compiled; when each call was made, and when the state began that there is. */
  #compiled = 0;
  #begun = 0;
  readonly #end = new AbortController();
  /** Opening, exchanging and closing happen one after the other … */
  #queue: Promise<unknown> = Promise.resolve();
  /** … an exchange waits for what still uses the old session … */
  readonly #uses = new Set<Promise<unknown>>();
  /** … and what changes the state for what reads it. */
  readonly #reads = new Set<Promise<unknown>>();
  #turn: Promise<void> | undefined;

  /** @param initializers what the weights are drawn by */
  constructor(
    private readonly initializers: Initializers,
    private readonly select: Select = selectBackend,
  ) {}

  /** Steps that the optimiser has done. */
  get step(): number {
    return this.#begun === this.#compiled ? this.position.step : 0;
  }

  /** Aborted once the model is disposed. */
  get disposed(): AbortSignal {
    return this.#end.signal;
  }

  /** The weights stay; the optimiser begins anew for whatever is called from now on. */
  restart(): void {
    this.#compiled++;
  }

  /** As before any weights were there. */
  forget(): Promise<void> {
    return this.#enqueue(async () => {
      await this.#close(false);
      this.#home = undefined;
      this.#drawn = false;
      this.position.step = 0;
    });
  }

  /** From now on runs there. */
  request(request: DeviceOptions): void {
    this.#request = request;
    this.#selection = undefined;
  }

  selection(): Promise<Selection> {
    this.#check();
    if (!this.#selection) {
      const selection = this.select(this.#request);
      this.#selection = selection;
      selection.catch(() => {
        if (this.#selection === selection) this.#selection = undefined;
      });
    }
    return this.#selection;
  }

  /**
   * @param seed draws the weights if nothing has; undefined leaves them to be drawn later
   * @param changes whether `work` trains
   */
  use<T>(
    plan: TrainPlan,
    seed: number | undefined,
    work: (open: Open) => Promise<T>,
    changes = false,
  ): Promise<T> {
    return this.#run(changes, async (now) => {
      const open = await this.#ensure(plan, now, seed);
      return () => work(open);
    });
  }

  /** What changes the state of an open session: a fit's span, or other weights between two of them, which see the last one whole. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    // At once where nobody has it: what follows the call is done while the span runs.
    const turn = this.#turn ? this.#turn.then(work) : work();
    const over = turn.then(
      () => {},
      () => {},
    );
    this.#turn = over;
    over.then(() => {
      if (this.#turn === over) this.#turn = undefined;
    });
    return turn;
  }

  /** `work`, which asks the user's own code. */
  async asReader<T>(work: () => Promise<T>): Promise<T> {
    const its = { of: this, over: false };
    try {
      return await reader.run(its, work);
    } finally {
      its.over = true;
    }
  }

  #refuseReader(): void {
    const its = reader.getStore();
    if (its?.of !== this || its.over) return;
    throw new FusorError('ERR_STATE', [
      'the source of the rows would change the model that they evaluate, and wait for its own end',
      'evaluate',
      'change it before or after',
    ]);
  }

  /** A copy of all that training changes. @param seed draws the weights if nothing has; without one undefined is their state, then */
  readState(plan: TrainPlan, seed: number): Promise<SessionState>;
  readState(plan: TrainPlan, seed: undefined): Promise<SessionState | undefined>;
  readState(plan: TrainPlan, seed: number | undefined): Promise<SessionState | undefined> {
    return this.#run(false, async (now) => {
      if (seed === undefined && !this.#drawn) return async () => undefined;
      if (this.#open) {
        const { session } = await this.#ensure(plan, now, seed);
        return () => session.readState();
      }
      if (!this.#home) requireStateMemory(plan);
      const copy = structuredClone(this.#stateFor(plan, now, seed));
      return async () => copy;
    });
  }

  /** @throws ERR_SHAPE, ERR_NONFINITE_WEIGHTS, ERR_ARG; the model then is as before */
  async writeState(plan: TrainPlan, state: SessionState): Promise<void> {
    const values = reading('writeState', () => checkedState(plan, state));
    await this.#run(true, async (now) => {
      const training = trainingOf(plan, now);
      const open = this.#open;
      this.#drawn = true;
      this.#begun = now.compiled;
      const session = open?.key === planKey(plan) && open.training === training ? open.session : undefined;
      if (!session) {
        await this.#close(false);
        this.#home = { values, training };
      }
      return () =>
        this.inTurn(async () => {
          await session?.writeState(values);
          this.position.step = values.step;
        });
    });
  }

  /** Other weights; the optimiser's state stays, or begins anew where it is of a training that diverged. */
  async writeWeights(plan: TrainPlan, weights: Float32Array[], seed: number): Promise<void> {
    await this.#run(true, async (now) => {
      const session = this.#open && (await this.#ensure(plan, now, seed)).session;
      await this.inTurn(async () => {
        const state = session ? await session.readState() : this.#stateFor(plan, now, seed);
        const slots = soundSlots(state);
        const values = { step: slots === state.slots ? state.step : 0, weights, slots };
        if (session) await session.writeState(values);
        else this.#home = { values, training: trainingOf(plan, now) };
        this.#begun = now.compiled;
        this.position.step = values.step;
      });
      return async () => {};
    });
  }

  /** Idempotent; ends a running span. */
  async dispose(): Promise<void> {
    this.#end.abort();
    // Not queued: what is queued may wait for the very span that this ends.
    await this.#open?.session.dispose();
    const last = this.#queue.then(async () => {
      await this.#open?.session.dispose();
      this.#open = undefined;
      this.#home = undefined;
    });
    this.#queue = last;
    await last;
  }

  #check(): void {
    if (this.disposed.aborted)
      throw new FusorError('ERR_STATE', ['the model is disposed', '', 'make a new one, or load it again']);
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(() => {
      this.#check();
      return work();
    });
    this.#queue = result.catch(() => {});
    return result;
  }

  /**
   * Prepares a job when those before it have begun, and begins it; the queue goes on while it runs. What there is, is looked at in
   * `prepare` alone, which is told what was said until the call: before it, other calls may have had their turn.
   * @param changes whether it changes the state; then it begins after all that reads
   */
  async #run<T>(changes: boolean, prepare: (now: Moment) => Promise<() => Promise<T>>): Promise<T> {
    this.#check();
    const [request, selection] = [this.#request, this.#selection];
    const select = () => (request === this.#request ? this.selection() : (selection ?? this.select(request)));
    const now: Moment = { compiled: this.#compiled, select };
    // Wrapped: the queue is not to wait for the job.
    const { job } = await this.#enqueue(async () => {
      if (changes) {
        this.#refuseReader();
        await Promise.allSettled(this.#reads);
      }
      const job = (await prepare(now))();
      for (const jobs of changes ? [this.#uses] : [this.#uses, this.#reads]) {
        jobs.add(job);
        const done = () => jobs.delete(job);
        job.then(done, done);
      }
      return { job };
    });
    return job;
  }

  /** The session for a plan as of a compile, with drawn weights if there is a seed. */
  async #ensure(plan: TrainPlan, now: Moment, seed: number | undefined): Promise<Open> {
    const selection = await now.select();
    const [key, training] = [planKey(plan), trainingOf(plan, now)];
    const open = this.#open;
    if (open?.key === key && open.training === training && open.selection.backend === selection.backend) {
      if (seed !== undefined && !this.#drawn) {
        await open.session.writeState(this.#stateFor(plan, now, seed));
        this.#home = undefined;
      }
      return open;
    }
    const hindrance = selection.backend.unsupported(plan);
    if (hindrance)
      throw new FusorError('ERR_UNSUPPORTED', [
        hindrance,
        `${selection.backend.name} backend`,
        'try another one',
      ]);
    if (!open && !this.#home) requireStateMemory(plan);
    await this.#close(this.#drawn);
    const state = this.#stateFor(plan, now, seed);
    const session = await selection.backend.createSession(plan, state);
    this.position.step = state.step;
    this.#begun = now.compiled;
    this.#home = undefined;
    this.#open = { session, selection, key, training };
    return this.#open;
  }

  /** When all its jobs are done. @param keep whether the state moves home */
  async #close(keep: boolean): Promise<void> {
    const open = this.#open;
    if (!open) return;
    this.#refuseReader();
    await Promise.allSettled(this.#uses);
    if (keep) this.#home = { values: await open.session.readState(), training: open.training };
    this.#open = undefined;
    await open.session.dispose();
  }

  /** The state at home, for a plan as of a compile. Without a seed, weights that do not stay. */
  #stateFor(plan: TrainPlan, now: Moment, seed: number | undefined): SessionState {
    const training = trainingOf(plan, now);
    if (!this.#home) {
      const drawn = freshState(initialWeights(plan, seed ?? 0, this.initializers), plan.optimizer);
      if (seed === undefined) return drawn;
      this.#drawn = true;
      this.#home = { values: drawn, training };
    }
    const { values, training: its } = this.#home;
    return its === training ? values : freshState(values.weights, plan.optimizer);
  }
}
