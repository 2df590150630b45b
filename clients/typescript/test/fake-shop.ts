/** A shop in memory that answers as it is set, records the calls, and has a clock of its own. */

import {
  create,
  type DescMethod,
  type DescService,
  type MessageInitShape,
  type DescMessage,
  type MessageShape,
} from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createRouterTransport,
  type Client,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";

import type { Clock } from "../src/clock.js";
import { RevocationService } from "../src/gen/emporium/user/v1/revocation_service_pb.js";
import { ErrorInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import { Services } from "../src/gen/services.js";
import { Shop, type ShopOptions } from "../src/shop.js";

export const ID = "01900000-0000-7000-8000-000000000000";

export class FakeClock implements Clock {
  readonly slept: number[] = [];
  #now = 0;
  #sleepers: { until: number; wake: () => void }[] = [];

  /** `isRunning`: whoever sleeps wakes at once, and it is later then. */
  constructor(private readonly isRunning = false) {}

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.slept.push(ms);
    if (this.isRunning) {
      this.#now += ms;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      this.#sleepers.push({ until: this.#now + ms, wake: resolve });
      signal.addEventListener("abort", () => {
        reject(signal.reason as Error);
      });
    });
  }

  advance(ms: number): void {
    this.#now += ms;
    this.#sleepers
      .filter(({ until }) => until <= this.#now)
      .forEach(({ wake }) => {
        wake();
      });
    this.#sleepers = this.#sleepers.filter(({ until }) => until > this.#now);
  }
}

/** One call, as it arrived. */
export interface Served {
  readonly rpc: string;
  readonly request: Record<string, unknown>;
  readonly headers: Headers;
  readonly timeoutMs: number; // NaN where there is none
  readonly signal: AbortSignal;
}

type Behaviour = (call: Served) => unknown;

/** Ends a call as the services do. */
export function refuse(code: Code, reason?: string): Behaviour {
  const details = reason ? [{ desc: ErrorInfoSchema, value: { reason } }] : [];
  return () => {
    throw new ConnectError("no", code, undefined, details);
  };
}

export const unavailable = refuse(Code.Unavailable, "UNAVAILABLE");

/** Answers `message`. */
export function answer<Schema extends DescMessage>(
  schema: Schema,
  message: MessageInitShape<Schema>,
): Behaviour {
  return () => create(schema, message);
}

/** Never answers, until the call is aborted. */
export const silence: Behaviour = ({ signal }) =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => {
      reject(signal.reason as Error);
    });
  });

class Listed extends Services {
  override client<Service extends DescService>(service: Service): Client<Service> {
    return service as unknown as Client<Service>; // The descriptor itself is asked for.
  }
}

/** Every service that the edge offers, by its name in the client. */
export const SERVICES: ReadonlyMap<string, DescService> = new Map(
  Object.getOwnPropertyNames(Services.prototype)
    .filter((name) => name !== "constructor")
    .map((name) => [name, Reflect.get(new Listed(), name) as unknown as DescService]),
);

/** Every rpc of those, by its name in the contract. */
export const RPCS: ReadonlyMap<string, DescMethod> = new Map(
  [...SERVICES.values()].flatMap(({ methods }) => methods.map((method) => [method.name, method])),
);

export class FakeShop {
  readonly served: Served[] = [];
  readonly #queued = new Map<string, Behaviour[]>();

  /** Queues what the next calls of `rpc` meet; after that they are answered an empty message. */
  will(rpc: string, ...behaviours: Behaviour[]): this {
    this.#queued.set(rpc, [...(this.#queued.get(rpc) ?? []), ...behaviours]);
    return this;
  }

  /** A client of this shop. */
  client(options: ShopOptions = {}): Shop {
    const transport = createRouterTransport((router) => {
      for (const service of [...SERVICES.values(), RevocationService]) {
        router.service(service, this.#served(service));
      }
    });
    const given = { clock: new FakeClock(true), ...options };
    return new Shop("localhost:8080", given, () => ({ transport, close: () => undefined }));
  }

  get rpcs(): string[] {
    return this.served.map(({ rpc }) => rpc);
  }

  get tokens(): (string | null)[] {
    return this.served.map(({ headers }) => headers.get("authorization"));
  }

  get last(): Served | undefined {
    return this.served.at(-1);
  }

  #served(service: DescService): Partial<ServiceImpl<DescService>> {
    return Object.fromEntries(
      service.methods.map((method) => [method.localName, this.#handler(method)]),
    ) as Partial<ServiceImpl<DescService>>;
  }

  #handler(method: DescMethod): unknown {
    const unary = async (
      request: MessageShape<DescMessage>,
      context: HandlerContext,
    ): Promise<unknown> => {
      const call = {
        rpc: method.name,
        request: request as unknown as Record<string, unknown>,
        headers: context.requestHeader,
        timeoutMs: Number(context.requestHeader.get("connect-timeout-ms") ?? NaN),
        signal: context.signal,
      };
      this.served.push(call);
      const behave = this.#queued.get(method.name)?.shift();
      return behave === undefined ? create(method.output) : await behave(call);
    };
    if (method.methodKind === "unary") {
      return unary;
    }
    return async function* (request: MessageShape<DescMessage>, context: HandlerContext) {
      yield await unary(request, context);
      yield await unary(request, context);
    };
  }
}
