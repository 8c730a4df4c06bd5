/** A model's session: opened when first needed, exchanged when the plan or the device changes, its state kept. */
import { reading } from '../arguments';
import type { Session, SessionState, TrainPlan } from '../backend/contract';
import type { SelectionRequest } from '../backend/request';
import { selectBackend } from '../backend/select';
import type { Selection } from '../backend/selection';
import { FusorError } from '../errors';
import type { Position } from '../train/job';
import { requireStateMemory } from './footprint';
import { planKey } from './plan';
import { checkedState, freshState, initialWeights } from './weights';

interface Open {
  session: Session;
  selection: Selection;
  plan: TrainPlan;
  key: string;
}

export type Select = (request: SelectionRequest) => Promise<Selection>;

export class Runtime {
  readonly position: Position = { step: 0, learningRate: 0.01 };
  #request: SelectionRequest = {};
  #selection: Promise<Selection> | undefined;
  #open: Open | undefined;
  /** The truth while no session is open; undefined before the weights are drawn. */
  #state: SessionState | undefined;
  #drawn = false;
  /** The optimiser begins anew with the next session. */
  #restarted = false;
  #disposed = false;
  /** Opening, exchanging and closing happen one after the other … */
  #queue: Promise<unknown> = Promise.resolve();
  /** … and an exchange waits for what still uses the old session. */
  readonly #uses = new Set<Promise<unknown>>();

  constructor(private readonly select: Select = selectBackend) {}

  /** Steps that the optimiser has done. */
  get step(): number {
    return this.#restarted ? 0 : this.position.step;
  }

  /** Whether the weights are there: drawn, or written. */
  get drawn(): boolean {
    return this.#drawn;
  }

  /** The weights stay; the optimiser begins anew. */
  restart(): void {
    this.#restarted = true;
  }

  /** As before any weights were there. */
  forget(): Promise<void> {
    return this.#enqueue(async () => {
      this.#drawn = false;
      await this.#close();
      this.#state = undefined;
      this.position.step = 0;
    });
  }

  /** From now on runs there. */
  request(request: SelectionRequest): void {
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

  /** @param seed draws the weights if nothing has; undefined leaves them to be drawn later */
  async use<T>(plan: TrainPlan, seed: number | undefined, work: (open: Open) => Promise<T>): Promise<T> {
    this.#check();
    const { use } = await this.#enqueue(async () => {
      this.#check();
      const open = await this.#ensure(plan, seed);
      const use = work(open);
      this.#uses.add(use);
      const done = () => this.#uses.delete(use);
      use.then(done, done);
      // Wrapped: the queue goes on while the work runs.
      return { use };
    });
    return use;
  }

  /** A copy of all that training changes. @param seed draws the weights if nothing has */
  async readState(plan: TrainPlan, seed: number): Promise<SessionState> {
    if (this.#open) return this.use(plan, seed, ({ session }) => session.readState());
    return this.#enqueue(async () => {
      if (!this.#state) requireStateMemory(plan);
      return structuredClone(this.#stateFor(plan, seed));
    });
  }

  /** @throws ERR_SHAPE, ERR_NONFINITE_WEIGHTS, ERR_ARG; the model then is as before */
  async writeState(plan: TrainPlan, state: SessionState): Promise<void> {
    const values = reading('writeState', () => checkedState(plan, state));
    this.#restarted = false;
    const written = (): void => {
      this.#drawn = true;
      this.position.step = values.step;
    };
    if (this.#open)
      return this.use(plan, undefined, ({ session }) => session.writeState(values).then(written));
    return this.#enqueue(async () => {
      this.#state = values;
      written();
    });
  }

  /** Idempotent; ends a running span. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    // Not queued: what is queued may wait for the very span that this ends.
    await this.#open?.session.dispose();
    const last = this.#queue.then(async () => {
      await this.#open?.session.dispose();
      this.#open = undefined;
      this.#state = undefined;
    });
    this.#queue = last;
    await last;
  }

  #check(): void {
    if (this.#disposed)
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

  /** The session for a plan, with drawn weights if there is a seed. */
  async #ensure(plan: TrainPlan, seed: number | undefined): Promise<Open> {
    const selection = await this.selection();
    const key = planKey(plan);
    if (!this.#restarted && this.#open?.key === key && this.#open.selection.backend === selection.backend) {
      if (seed !== undefined && !this.#drawn) {
        await this.#open.session.writeState(this.#stateFor(plan, seed));
        this.#state = undefined;
      }
      return this.#open;
    }
    const hindrance = selection.backend.unsupported(plan);
    if (hindrance)
      throw new FusorError('ERR_UNSUPPORTED', [
        hindrance,
        `${selection.backend.name} backend`,
        'try another one',
      ]);
    if (!this.#open && !this.#state) requireStateMemory(plan);
    await this.#close();
    const state = this.#stateFor(plan, seed);
    const session = await selection.backend.createSession(plan, state);
    this.position.step = state.step;
    this.#open = { session, selection, plan, key };
    this.#state = undefined;
    this.#restarted = false;
    return this.#open;
  }

  /** The state moves home. */
  async #close(): Promise<void> {
    const open = this.#open;
    if (!open) return;
    await Promise.allSettled(this.#uses);
    if (this.#drawn) this.#state = await open.session.readState();
    this.#open = undefined;
    await open.session.dispose();
  }

  /** The state at home, for a plan. Without a seed, weights that do not stay. */
  #stateFor(plan: TrainPlan, seed: number | undefined): SessionState {
    if (!this.#state) {
      const drawn = freshState(initialWeights(plan, seed ?? 0), plan.optimizer);
      if (seed === undefined) return drawn;
      this.#drawn = true;
      this.#state = drawn;
    }
    return this.#restarted ? freshState(this.#state.weights, plan.optimizer) : this.#state;
  }
}
