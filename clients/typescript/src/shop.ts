/** The client itself, over whichever transport. */

import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { makeAnyClient, type CallOptions, type Client, type Transport } from "@connectrpc/connect";

import { realClock, type Clock } from "./clock.js";
import { Connection } from "./connection.js";
import { Services } from "./gen/services.js";
import { AuthService } from "./gen/emporium/user/v1/auth_service_pb.js";
import { keyed } from "./keys.js";
import { Session, type Token } from "./session.js";
import { SignIn } from "./sign-in.js";
import { targetOf, urlOf, type Targets } from "./targets.js";

export interface ShopOptions {
  /** An access token, or what supplies one. */
  readonly token?: Token;
  /** For programs: exchanged for tokens by the client, once for all calls at the same time. */
  readonly apiKey?: string;
  /** For calls without a timeout of their own; 10,000 unless given. */
  readonly timeoutMs?: number;
  /** @internal For tests. */
  readonly clock?: Clock;
}

/** A way to one address. */
export interface Opened {
  readonly transport: Transport;
  close(): void;
}

const TIMEOUT_MS = 10_000;

/**
 * The client of all services: `shop.order.createOrder(...)`, with the contract's names.
 *
 * Every call has a deadline, is retried where that is safe, and fails with an `EmporiumError`.
 * Every create carries an idempotency key, its `requestId`, which is made where none is given. Who
 * signs in by `shop.auth.login` stays so: the client sends the token, and gets itself the next one
 * before it has run out, for as long as the session lasts.
 *
 * Calls take the options `timeoutMs`, `signal`, `headers` and `onHeader`. It connects when it is
 * first used, and holds its connections until it is closed.
 */
export class Shop extends Services {
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #signIn: SignIn;
  readonly #connections = new Map<string, Connection>();
  readonly #opened: Opened[] = [];
  readonly #clients = new Map<DescService, unknown>();

  /** Throws a `TypeError` for an invalid address, token or key, a `RangeError` for a timeout. */
  constructor(
    private readonly targets: Targets,
    options: ShopOptions,
    private readonly open: (url: string) => Opened,
  ) {
    super();
    if (options.token !== undefined && options.apiKey !== undefined) {
      throw new TypeError("give a token or an apiKey, not both");
    }
    (typeof targets === "string" ? [targets] : Object.values(targets)).forEach(urlOf);
    this.#clock = options.clock ?? realClock;
    this.#session = new Session(options.token, options.timeoutMs ?? TIMEOUT_MS);
    const users = (): Connection => this.#connection(AuthService);
    this.#signIn = new SignIn(users, this.#session, this.#clock);
    if (options.apiKey !== undefined) {
      this.#signIn.keepApiKey(options.apiKey);
    }
  }

  /**
   * The token that is sent: as given, as of the last login or what has followed it, or as set here.
   * Setting it ends what the client does by itself.
   */
  get token(): Token | undefined {
    return this.#session.token;
  }

  set token(token: Token | undefined) {
    this.#session.token = token;
  }

  /**
   * What shows that the account has signed in from here: others' failures hold up no login.
   *
   * The last login answered it, or the last new password by mail. It is sent with the next login of
   * this client; keep it for the login of another client on the same device.
   */
  get deviceToken(): string {
    return this.#session.deviceToken;
  }

  client<Service extends DescService>(service: Service): Client<Service> {
    const client = this.#clients.get(service) ?? this.#make(service);
    this.#clients.set(service, client);
    return client as Client<Service>;
  }

  /** Ends calls under way with `Cancelled`, as calls made from now on do. */
  close(): void {
    this.#session.calls.close();
    this.#opened.splice(0).forEach((opened) => {
      opened.close();
    });
  }

  #make(service: DescService): unknown {
    const connection = this.#connection(service);
    return makeAnyClient(service, (method) => {
      switch (method.methodKind) {
        case "unary":
          return <I extends DescMessage>(request: MessageInitShape<I>, options?: CallOptions) =>
            this.#call(connection, method as DescMethodUnary<I>, request, options);
        case "server_streaming":
          return (request: MessageInitShape<DescMessage>, options?: CallOptions) =>
            connection.stream(method, create(method.input, request), options);
        default:
          return null; // The contract has no streams of requests, which browsers cannot send.
      }
    });
  }

  async #call<I extends DescMessage, O extends DescMessage>(
    connection: Connection,
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions | undefined,
  ): Promise<MessageShape<O>> {
    const message = keyed(method, create(method.input, request));
    return this.#signIn.call(connection, method, message, options);
  }

  /** Services that share an address, as behind the edge, share a connection. */
  #connection(service: DescService): Connection {
    const url = targetOf(service, this.targets);
    let connection = this.#connections.get(url);
    if (connection === undefined) {
      const opened = this.open(url);
      this.#opened.push(opened);
      connection = new Connection(opened.transport, this.#session, this.#clock);
      this.#connections.set(url, connection);
    }
    return connection;
  }
}
