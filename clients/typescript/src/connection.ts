/** What all calls have in common: deadline, request id, token, retries, and errors of one kind. */

import type {
  DescMessage,
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  MessageShape,
} from "@bufbuild/protobuf";
import type { CallOptions, StreamResponse, Transport } from "@connectrpc/connect";

import { Call, checkTimeout } from "./call.js";
import type { Clock } from "./clock.js";
import { EmporiumError, Unauthenticated, Unavailable } from "./errors.js";
import { ATTEMPTS_MAX, RetryBudget, isSafeToRepeat, pauseMs } from "./retries.js";
import { sendable, type Session, type Supply } from "./session.js";

type Send<Result> = (headers: Headers, timeoutMs: number | undefined) => Promise<Result>;

/** A transport to one address, and the one way to call over it. */
export class Connection {
  readonly #budget = new RetryBudget();

  constructor(
    private readonly transport: Transport,
    private readonly session: Session,
    private readonly clock: Clock,
  ) {}

  /** Makes one call, with the retries that are safe. Rejects with an `EmporiumError`. */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    options: CallOptions = {},
    isSigned = true,
  ): Promise<MessageShape<O>> {
    const timeoutMs = options.timeoutMs ?? this.session.timeoutMs;
    checkTimeout(timeoutMs);
    const call = new Call(options, timeoutMs, this.session.calls, this.clock);
    try {
      const answer = await this.#signed(method, call, isSigned, (headers, leftMs) =>
        this.transport.unary(method, call.signal, leftMs, headers, request),
      );
      options.onHeader?.(answer.header);
      options.onTrailer?.(answer.trailer);
      return answer.message;
    } finally {
      call.end();
    }
  }

  /**
   * Makes one call that is answered by many messages, which has no deadline.
   *
   * The call ends with the iteration, however that ends. Rejects with an `EmporiumError`.
   */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    request: MessageShape<I>,
    options: CallOptions = {},
  ): AsyncGenerator<MessageShape<O>, void, undefined> {
    const call = new Call(options, Infinity, this.session.calls, this.clock);
    try {
      const answer = await this.#signed(method, call, true, async (headers) => {
        const sent = this.transport.stream(method, call.signal, undefined, headers, once(request));
        return begun(await sent);
      });
      options.onHeader?.(answer.response.header);
      for (let next = answer.first; next.done !== true; next = await answer.messages.next()) {
        yield next.value;
      }
      options.onTrailer?.(answer.response.trailer);
    } catch (reason) {
      throw reason instanceof EmporiumError ? reason : call.errorOf(reason);
    } finally {
      call.end();
    }
  }

  /**
   * Sends with a token, and once more with another where that was refused and there is another.
   *
   * What was refused so was not begun, so it may be sent again, whatever it is.
   */
  async #signed<Result>(
    method: DescMethod,
    call: Call,
    isSigned: boolean,
    send: Send<Result>,
  ): Promise<Result> {
    const token = isSigned ? await this.#token(call) : undefined;
    try {
      return await this.#retried(method, call, token, send);
    } catch (error) {
      if (token === undefined || !(error instanceof Unauthenticated)) {
        throw error;
      }
      const supply = this.session.supplierAfter(token, error.reason);
      const another = supply && (await this.#supplied(call, supply));
      if (another === undefined || another === token) {
        throw error;
      }
      return this.#retried(method, call, another, send);
    }
  }

  /** The token to send, if there is any. */
  async #token(call: Call): Promise<string | undefined> {
    const supply = this.session.supplier;
    if (supply !== undefined) {
      return this.#supplied(call, supply);
    }
    const { token } = this.session;
    return typeof token === "string" ? token : undefined;
  }

  async #supplied(call: Call, supply: Supply): Promise<string | undefined> {
    const token = await call.within(supply(), this.session.timeoutMs);
    return token === undefined ? undefined : sendable(token);
  }

  async #retried<Result>(
    method: DescMethod,
    call: Call,
    token: string | undefined,
    send: Send<Result>,
  ): Promise<Result> {
    for (let attempts = 1; ; attempts++) {
      try {
        const result = await send(call.headers(token), call.begin());
        this.#budget.succeeded();
        return result;
      } catch (reason) {
        const error = reason instanceof EmporiumError ? reason : call.errorOf(reason);
        const pause = this.#pauseAfter(error, method, attempts);
        if (pause === undefined || pause >= (call.leftMs ?? Infinity)) {
          throw error;
        }
        await call.pause(pause);
      }
    }
  }

  /** How long to wait before another attempt; undefined: there shall be none. */
  #pauseAfter(error: EmporiumError, method: DescMethod, attempts: number): number | undefined {
    if (!(error instanceof Unavailable)) {
      return undefined;
    }
    this.#budget.failed();
    const isRetried =
      isSafeToRepeat(method) && attempts < ATTEMPTS_MAX && this.#budget.permitsRetry;
    return isRetried ? pauseMs(attempts) : undefined;
  }
}

/** A stream whose first message is there: until then, it may be asked for again. */
async function begun<I extends DescMessage, O extends DescMessage>(
  response: StreamResponse<I, O>,
): Promise<{
  response: StreamResponse<I, O>;
  messages: AsyncIterator<MessageShape<O>>;
  first: IteratorResult<MessageShape<O>>;
}> {
  const messages = response.message[Symbol.asyncIterator]();
  return { response, messages, first: await messages.next() };
}

async function* once<Item>(item: Item): AsyncGenerator<Item> {
  yield await Promise.resolve(item);
}
