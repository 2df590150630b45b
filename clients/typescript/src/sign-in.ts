/** What the client makes of calls that sign in or out: it keeps their tokens, or forgets them. */

import {
  create,
  isMessage,
  type DescMessage,
  type DescMethod,
  type DescMethodUnary,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { CallOptions } from "@connectrpc/connect";

import { formOf } from "./api-key.js";
import type { Clock } from "./clock.js";
import type { Connection } from "./connection.js";
import { Unauthenticated } from "./errors.js";
import { ApiKeyService } from "./gen/emporium/user/v1/api_key_service_pb.js";
import {
  AuthService,
  LoginRequestSchema,
  LoginResponseSchema,
  type LoginResponse,
} from "./gen/emporium/user/v1/auth_service_pb.js";
import {
  EmailLinkService,
  ResetPasswordResponseSchema,
} from "./gen/emporium/user/v1/email_link_service_pb.js";
import { KeySetService } from "./gen/emporium/user/v1/key_set_service_pb.js";
import { RefreshRequestSchema, SessionService } from "./gen/emporium/user/v1/session_service_pb.js";
import { KeptLogin, type Tokens } from "./kept-login.js";
import type { Session } from "./session.js";

/** Sent without a token: an old one would be refused, and the login with it. */
const UNSIGNED: ReadonlySet<DescMethod> = new Set<DescMethod>([
  ApiKeyService.method.exchangeApiKey,
  AuthService.method.login,
  EmailLinkService.method.forgotPassword,
  EmailLinkService.method.resetPassword,
  EmailLinkService.method.verifyEmail,
  KeySetService.method.getKeySet,
  SessionService.method.refresh,
]);

export class SignIn {
  /** `connection` leads to the user service. */
  constructor(
    private readonly connection: () => Connection,
    private readonly session: Session,
    private readonly clock: Clock,
  ) {}

  /** Makes a call over `connection`, and learns what it answers about signing in. */
  async call<I extends DescMessage, O extends DescMessage>(
    connection: Connection,
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    options: CallOptions | undefined,
  ): Promise<MessageShape<O>> {
    const isSigned = !UNSIGNED.has(method);
    try {
      const answer = await connection.unary(method, this.#known(request), options, isSigned);
      this.#learn(method, answer);
      return answer;
    } catch (error) {
      // It has ended before, as when the answer to a first logout was lost.
      const hasEnded = error instanceof Unauthenticated && error.reason === "SESSION_ENDED";
      if (!isLogout(method) || !hasEnded) {
        throw error;
      }
      this.#forget();
      return create(method.output);
    }
  }

  /** Exchanges `apiKey` for tokens from the first call on. Throws a `TypeError` for what is none. */
  keepApiKey(apiKey: string): void {
    formOf(apiKey);
    const exchange = async (key: string, timeoutMs: number): Promise<Tokens> => {
      const method = ApiKeyService.method.exchangeApiKey;
      const given = await this.connection().unary(method, formOf(key), { timeoutMs }, false);
      return { accessToken: given.accessToken, expiresIn: given.expiresIn, refreshToken: key };
    };
    const none = { accessToken: "", expiresIn: 0, refreshToken: apiKey };
    this.session.login = new KeptLogin(none, exchange, this.clock, false);
  }

  /** A login says that this device has signed in before, unless it says so itself. */
  #known<Request>(request: Request): Request {
    if (isMessage(request, LoginRequestSchema) && request.deviceToken === "") {
      return { ...request, deviceToken: this.session.deviceToken };
    }
    return request;
  }

  #learn(method: DescMethod, answer: unknown): void {
    if (isMessage(answer, LoginResponseSchema)) {
      this.#keepDevice(answer.deviceToken);
      this.#keepLogin(answer);
    } else if (isMessage(answer, ResetPasswordResponseSchema)) {
      this.#keepDevice(answer.deviceToken);
    } else if (isLogout(method)) {
      this.#forget();
    }
  }

  #keepDevice(deviceToken: string | undefined): void {
    if (deviceToken !== undefined && deviceToken !== "") {
      this.session.deviceToken = deviceToken;
    }
  }

  /** Uses the tokens of `login` from now on, unless there is a supplier of tokens. */
  #keepLogin(login: LoginResponse): void {
    if (typeof this.session.token === "function") {
      return;
    }
    const exchange = (refreshToken: string, timeoutMs: number): Promise<Tokens> => {
      const request = create(RefreshRequestSchema, { refreshToken });
      return this.connection().unary(SessionService.method.refresh, request, { timeoutMs }, false);
    };
    this.session.login = new KeptLogin(login, exchange, this.clock, true);
  }

  /** Sends no token from now on, unless there is a supplier of tokens. */
  #forget(): void {
    if (this.session.login !== undefined) {
      this.session.token = undefined;
    }
  }
}

function isLogout(method: DescMethod): boolean {
  return method === SessionService.method.logout;
}
