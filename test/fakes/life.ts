/** The process that a `Run` lives in was killed, or the object was evicted: nothing it asks for happens any more. */
export class Killed extends Error {}

/**
 * How long an object lives. Every call of a port passes through `step` twice, before its effect and after it, so that a test can end
 * the object between any two things it does.
 */
export class Life {
  steps = 0;
  isOver = false;
  /** Dies at this step; null: lives until it is ended. */
  endsAtStep: number | null = null;
  /** This one step fails, and the object lives on: the storage refused one write. */
  failsAtStep: number | null = null;
  readonly names: string[] = [];

  step(name: string): void {
    if (this.isOver) throw new Killed(`${name}, after its object was gone`);
    this.steps += 1;
    this.names.push(name);
    if (this.steps === this.failsAtStep) throw new Error(`failed at step ${this.steps}: ${name}`);
    if (this.endsAtStep !== null && this.steps >= this.endsAtStep) {
      this.isOver = true;
      throw new Killed(`killed at step ${this.steps}: ${name}`);
    }
  }

  end(): void {
    this.isOver = true;
  }
}

/** The port, for as long as the object lives. */
export function mortal<Port extends object>(port: Port, life: Life, name: string): Port {
  return new Proxy(port, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        life.step(`before ${name}.${String(key)}`);
        const answer: unknown = Reflect.apply(member, target, args);
        if (!(answer instanceof Promise)) {
          life.step(`after ${name}.${String(key)}`);
          return answer;
        }
        // Whoever waits in an object that is gone waits for ever; that is how it stops.
        const unlessGone = <Value>(go: () => Value): Value | Promise<Value> =>
          life.isOver ? new Promise(() => {}) : go();
        return answer.then(
          (value: unknown) =>
            unlessGone(() => {
              life.step(`after ${name}.${String(key)}`);
              return value;
            }),
          (error: unknown) =>
            unlessGone(() => {
              throw error;
            }),
        );
      };
    },
  });
}
