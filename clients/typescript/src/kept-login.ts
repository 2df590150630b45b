/** A login that goes on by itself: the next token is fetched before one has run out. */

import type { Clock } from "./clock.js";
import { EmporiumError, Unauthenticated } from "./errors.js";

/** Of an answer to a login, a refresh, or the exchange of an API key. */
export interface Tokens {
  readonly accessToken: string;
  readonly expiresIn: number; // seconds
  readonly refreshToken: string;
}

/** Spends a refresh token, within so many milliseconds. */
export type Exchange = (refreshToken: string, timeoutMs: number) => Promise<Tokens>;

/**
 * For these reasons a token is refused that was good when it was given, and another may be good.
 *
 * It has run out earlier than was thought: the clocks differ, or this machine slept. Or the key
 * that has signed it was replaced.
 */
export const RENEWED: ReadonlySet<string> = new Set(["TOKEN_EXPIRED", "INVALID_TOKEN"]);

// Of a token's life, at the end of which it is renewed. An answer that was lost can be asked for
// again for 10 s, so one attempt takes much less.
const RENEWED_AFTER = 0.9;
const EXCHANGE_MS = 4000;
const PAUSE_MS = 2000;

/**
 * The tokens of one login, or of one API key, which then is the refresh token of each.
 *
 * Any number of calls may ask; one exchange at a time is made. A refresh token that is refused
 * `isSpent` for good: only a new login helps. An API key is tried again.
 */
export class KeptLogin {
  #tokens: Tokens;
  #renewAt = 0; // by the clock, as all of these
  #expiresAt = 0;
  #pauseUntil = -Infinity;
  #failure: EmporiumError | undefined;
  #renewing: Promise<EmporiumError | undefined> | undefined;

  constructor(
    tokens: Tokens,
    private readonly exchange: Exchange,
    private readonly clock: Clock,
    private readonly isSpent: boolean,
  ) {
    this.#tokens = tokens;
    this.#take(tokens);
  }

  get token(): string {
    return this.#tokens.accessToken;
  }

  /** Whether `current` has something to do. */
  get isDue(): boolean {
    return this.#tokens.refreshToken !== "" && this.clock.now() >= this.#renewAt;
  }

  /** The token to send now. While it is good, a failure to renew it is no failure. */
  async current(): Promise<string> {
    if (this.isDue) {
      const error = await this.#renew();
      if (error !== undefined && this.clock.now() >= this.#expiresAt) {
        throw error;
      }
    }
    return this.token;
  }

  /** Whether a token that was refused with `reason` is worth another one. */
  isRenewedAfter(reason: string): boolean {
    return RENEWED.has(reason) || (reason === "SESSION_ENDED" && !this.isSpent);
  }

  /** The token after one that was refused; undefined when there is none. */
  async after(refused: string): Promise<string | undefined> {
    if (this.token === refused && this.#tokens.refreshToken !== "") {
      const error = await this.#renew();
      if (error !== undefined) {
        throw error;
      }
    }
    return this.token === refused ? undefined : this.token;
  }

  #take(tokens: Tokens): void {
    const now = this.clock.now();
    this.#tokens = tokens;
    this.#renewAt = now + tokens.expiresIn * 1000 * RENEWED_AFTER;
    this.#expiresAt = now + tokens.expiresIn * 1000;
  }

  /** Gives what went wrong, if something did. It is not one call's, whose end would end it. */
  #renew(): Promise<EmporiumError | undefined> {
    if (this.#renewing === undefined && this.clock.now() < this.#pauseUntil) {
      return Promise.resolve(this.#failure);
    }
    this.#renewing ??= this.#fetch().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #fetch(): Promise<EmporiumError | undefined> {
    try {
      this.#take(await this.exchange(this.#tokens.refreshToken, EXCHANGE_MS));
      return undefined;
    } catch (error) {
      if (!(error instanceof EmporiumError)) {
        throw error;
      }
      if (this.isSpent && error instanceof Unauthenticated) {
        this.#tokens = { ...this.#tokens, refreshToken: "" };
      }
      this.#failure = error;
      this.#pauseUntil = this.clock.now() + PAUSE_MS;
      return error;
    }
  }
}
