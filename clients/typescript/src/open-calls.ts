/** The calls that are under way, which end when their client is closed. */

import { Cancelled } from "./errors.js";

/**
 * Gives each call a signal of its own, which its caller's signal aborts, and closing does.
 *
 * Nothing of a call that has ended is kept, as `AbortSignal.any` on one that lasts as long as the
 * client would.
 */
export class OpenCalls {
  readonly #open = new Set<AbortController>();
  #isClosed = false;

  begin(callersSignal: AbortSignal | undefined): { signal: AbortSignal; end: () => void } {
    const call = new AbortController();
    const abort = (): void => {
      call.abort(callersSignal?.reason);
    };
    callersSignal?.addEventListener("abort", abort);
    if (callersSignal?.aborted) {
      abort();
    } else if (this.#isClosed) {
      call.abort(closed());
    }
    this.#open.add(call);
    const end = (): void => {
      this.#open.delete(call);
      callersSignal?.removeEventListener("abort", abort);
      call.abort();
    };
    return { signal: call.signal, end };
  }

  close(): void {
    this.#isClosed = true;
    this.#open.forEach((call) => {
      call.abort(closed());
    });
  }
}

function closed(): Cancelled {
  return new Cancelled("the client is closed");
}
