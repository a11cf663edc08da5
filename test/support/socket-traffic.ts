import type { Contract, Exchange } from "./contract.ts";

/**
 * What goes over the tests' sockets, held against the AsyncAPI document. A frame has no caller to be told, so its fault is kept until
 * `fail-for-faults.ts` asks after the test.
 */
const faults: string[] = [];
let judging: Promise<void> = Promise.resolve();

/** Everything that was not allowed since this was last asked. */
export async function takeSocketFaults(): Promise<string[]> {
  await judging;
  return faults.splice(0);
}

/** One socket, as whoever opened it sees it. */
export class SocketTraffic {
  readonly #path: string;
  #contract: Contract | null = null;
  #said = 0;
  #heard = 0;
  #leftWith: number | null = null;

  /** `contract` gives null when the server could not be asked: then it has said nothing either. */
  constructor(contract: Promise<Contract | null>, path: string) {
    this.#path = path.split("?")[0] ?? "";
    this.#later(contract.then((known) => void (this.#contract = known)));
  }

  /** The server sent this. */
  says(frame: unknown): void {
    if (typeof frame !== "string") return this.#judge(() => `The contract knows no frame of ${typeof frame}`);
    this.#said = this.#lines("Says", frame, this.#said);
  }

  /** A client of ours sent this, and not a test that breaks rules on purpose. */
  hears(frame: string): void {
    this.#heard = this.#lines("Hears", frame, this.#heard);
  }

  /** A test sent this, and may break rules on purpose: noted for what its first line is, and not judged. */
  tries(frame: string): void {
    const [line = ""] = frame.split("\n", 1);
    this.#judge((contract, channel) => {
      contract.frameFaultOf(channel, "Hears", line);
      return null;
    });
  }

  /** The client closes with a code of its own, which comes back. */
  leaves(code: number | undefined): void {
    this.#leftWith = code ?? null;
  }

  /** The server did not switch protocols. */
  refuses(answer: Pick<Exchange, "status" | "headers" | "text">): void {
    this.#judge((contract) => contract.faultOf({ method: "GET", path: this.#path, ...answer }));
  }

  closes(code: number): void {
    if (code !== this.#leftWith) this.#judge((contract, channel) => contract.closeFaultOf(channel, code));
  }

  #lines(direction: "Says" | "Hears", frame: string, before: number): number {
    const lines = frame.split("\n").filter((line) => line !== "");
    this.#judge((contract, channel) => {
      for (const [at, line] of lines.entries()) {
        const fault = contract.frameFaultOf(channel, direction, line, before + at);
        if (fault !== null) return fault;
      }
      return null;
    });
    return before + lines.length;
  }

  #judge(faultOf: (contract: Contract, channel: string) => string | null): void {
    const judge = (): void => {
      const contract = this.#contract;
      if (contract === null) return;
      const channel = contract.channelAt(this.#path);
      const fault = channel === null ? `No socket is documented at ${this.#path}` : faultOf(contract, channel);
      if (fault !== null) faults.push(fault);
    };
    if (this.#contract === null) this.#later(judging.then(judge));
    else judge();
  }

  #later(work: Promise<void>): void {
    judging = judging.then(() => work);
  }
}
