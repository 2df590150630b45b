/** What all connections of one client share: the token, and where it comes from. */

import { checkTimeout } from "./call.js";
import { KeptLogin, RENEWED } from "./kept-login.js";
import { OpenCalls } from "./open-calls.js";

/**
 * An access token, or what supplies one.
 *
 * It is awaited for every call, so it should cache the token; and once more when that is refused.
 * The call is made again where it then supplies another.
 */
export type Token = string | (() => Promise<string>);

/** What must be awaited for a token. */
export type Supply = () => Promise<string | undefined>;

export class Session {
  /** What the token comes from, if it does. */
  login: KeptLogin | undefined;
  /** Of the last login; empty before the first. It shows that this device has signed in before. */
  deviceToken = "";
  readonly calls = new OpenCalls();
  #token: Token | undefined;

  /** `timeoutMs` is for calls without one of their own. */
  constructor(
    token: Token | undefined,
    readonly timeoutMs: number,
  ) {
    checkTimeout(timeoutMs);
    this.token = token;
  }

  get token(): Token | undefined {
    return this.login === undefined ? this.#token : this.login.token || undefined;
  }

  set token(token: Token | undefined) {
    this.#token = typeof token === "string" ? sendable(token) : token;
    this.login = undefined;
  }

  /** What must be awaited for the token; undefined when it is there, or there is none. */
  get supplier(): Supply | undefined {
    const { login } = this;
    if (login !== undefined) {
      return login.isDue ? () => login.current() : undefined;
    }
    return typeof this.#token === "function" ? this.#token : undefined;
  }

  /** What must be awaited for the token after one that was refused; undefined: none would do. */
  supplierAfter(refused: string, reason: string): Supply | undefined {
    const { login } = this;
    if (login !== undefined) {
      return login.isRenewedAfter(reason) ? () => login.after(refused) : undefined;
    }
    return RENEWED.has(reason) ? this.supplier : undefined;
  }
}

/**
 * `token` as a header can carry it, without the line end that a file may have left on it.
 *
 * Throws a `TypeError` for anything else, without repeating it.
 */
export function sendable(token: string): string {
  const trimmed = token.trim();
  if (!/^[!-~]+$/.test(trimmed)) {
    throw new TypeError("the token must be visible ASCII characters, and one at least");
  }
  return trimmed;
}
