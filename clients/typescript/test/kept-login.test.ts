/** A client that has signed in stays so: one exchange for many calls, and what its failure costs. */

import assert from "node:assert/strict";
import test from "node:test";

import { Code } from "@connectrpc/connect";

import { DeadlineExceeded, Unauthenticated, Unavailable } from "../src/errors.js";
import { ExchangeApiKeyResponseSchema } from "../src/gen/emporium/user/v1/api_key_service_pb.js";
import { LoginResponseSchema } from "../src/gen/emporium/user/v1/auth_service_pb.js";
import type { Shop } from "../src/shop.js";
import { FakeClock, FakeShop, ID, answer, refuse, silence } from "./fake-shop.js";

const LIFE_MS = 600_000;
// Of the account `ID`, with a secret of zeros.
const API_KEY = "emp_0DX6MLZyYEdaMUUyvAaLXrjIahHqQ6Y7jBOgGaelZXccF4JcEQWK9j0Ef0KFlwjySB0M15";

function given(number: number): ReturnType<typeof answer> {
  return answer(LoginResponseSchema, {
    accessToken: `access-${number}`,
    refreshToken: `refresh-${number}`,
    expiresIn: LIFE_MS / 1000,
  });
}

const unauthenticated = (reason: string): ReturnType<typeof refuse> =>
  refuse(Code.Unauthenticated, reason);

async function signedIn(): Promise<{ server: FakeShop; clock: FakeClock; shop: Shop }> {
  const server = new FakeShop().will("Login", given(1));
  const clock = new FakeClock();
  const shop = server.client({ clock });
  await shop.auth.login({ email: "ann@example.com", password: "secret" });
  server.served.length = 0;
  return { server, clock, shop };
}

const read = (shop: Shop): Promise<unknown> => shop.user.getUser({ userId: ID });

test("a token is used while it is good", async () => {
  const { server, clock, shop } = await signedIn();
  clock.advance(LIFE_MS * 0.8);
  await read(shop);
  assert.deepEqual(server.rpcs, ["GetUser"]);
  assert.deepEqual(server.tokens, ["Bearer access-1"]);
});

test("many calls at once are renewed by one exchange", async () => {
  const { server, clock, shop } = await signedIn();
  clock.advance(LIFE_MS * 0.95);
  server.will("Refresh", given(2));
  await Promise.all(Array.from({ length: 50 }, () => read(shop)));
  assert.deepEqual(server.rpcs, ["Refresh", ...Array<string>(50).fill("GetUser")]);
  assert.equal(server.served[0]?.request["refreshToken"], "refresh-1");
  assert.deepEqual(server.tokens, [null, ...Array<string>(50).fill("Bearer access-2")]);
  assert.equal(shop.token, "access-2");

  clock.advance(LIFE_MS * 0.95);
  server.will("Refresh", given(3));
  await read(shop);
  assert.equal(server.served.at(-2)?.request["refreshToken"], "refresh-2");
});

test("a token that has run out unexpectedly is renewed once, and the calls made again", async () => {
  const { server, shop } = await signedIn();
  server.will("GetUser", ...Array.from({ length: 10 }, () => unauthenticated("TOKEN_EXPIRED")));
  server.will("Refresh", given(2));
  await Promise.all(Array.from({ length: 10 }, () => read(shop)));
  assert.equal(server.rpcs.filter((rpc) => rpc === "Refresh").length, 1);
  assert.equal(server.tokens.filter((token) => token === "Bearer access-1").length, 10);
  assert.equal(server.tokens.filter((token) => token === "Bearer access-2").length, 10);
});

test("any other refusal is final", async () => {
  const { server, shop } = await signedIn();
  server.will("GetUser", unauthenticated("ACCOUNT_INACTIVE"));
  await assert.rejects(read(shop), Unauthenticated);
  assert.deepEqual(server.rpcs, ["GetUser"]);
});

test("a session that has ended is not asked for again", async () => {
  const { server, clock, shop } = await signedIn();
  clock.advance(LIFE_MS + 1);
  server.will("Refresh", unauthenticated("SESSION_ENDED"));
  await assert.rejects(read(shop), { reason: "SESSION_ENDED" });
  server.will("GetUser", unauthenticated("TOKEN_EXPIRED"));
  await assert.rejects(read(shop), { reason: "TOKEN_EXPIRED" });
  assert.deepEqual(server.rpcs, ["Refresh", "GetUser"]);
});

test("a failure to renew costs nothing while the token is good, and is told when it is not", async () => {
  const { server, clock, shop } = await signedIn();
  clock.advance(LIFE_MS * 0.95);
  server.will("Refresh", refuse(Code.Internal), refuse(Code.Internal));
  await read(shop);
  await read(shop);
  assert.deepEqual(server.rpcs, ["Refresh", "GetUser", "GetUser"]); // Nor is it tried at each call.
  clock.advance(LIFE_MS * 0.1);
  await assert.rejects(read(shop), { reason: "INTERNAL" });
  clock.advance(3000);
  server.will("Refresh", given(2));
  await read(shop);
  assert.equal(server.tokens.at(-1), "Bearer access-2");
});

test("a caller that gives up loses the others nothing", async () => {
  const { server, clock, shop } = await signedIn();
  clock.advance(LIFE_MS * 0.95);
  let mayAnswer = (): void => undefined;
  const asked = new Promise<void>((isAsked) => {
    server.will("Refresh", async () => {
      isAsked();
      await new Promise<void>((resolve) => (mayAnswer = resolve));
      return given(2)(undefined as never);
    });
  });
  const impatient = new AbortController();
  const left = shop.user.getUser({ userId: ID }, { signal: impatient.signal });
  const other = read(shop);
  await asked;
  impatient.abort();
  await assert.rejects(left, { name: "Cancelled" });
  mayAnswer();
  await other;
  assert.deepEqual(server.rpcs, ["Refresh", "GetUser"]);
  assert.equal(server.tokens.at(-1), "Bearer access-2");
});

test("waiting for a token ends with the call's deadline", async () => {
  const { server, clock, shop } = await signedIn();
  clock.advance(LIFE_MS * 0.95);
  const asked = new Promise<void>((isAsked) => {
    server.will("Refresh", (call) => {
      isAsked();
      return silence(call);
    });
  });
  const call = shop.user.getUser({ userId: ID }, { timeoutMs: 500 });
  await asked;
  clock.advance(500);
  await assert.rejects(call, DeadlineExceeded);
  shop.close();
});

test("a login and what follows it are sent without the old token", async () => {
  const { server, shop } = await signedIn();
  server.will("Login", given(5));
  await shop.auth.login({ email: "ann@example.com", password: "secret" });
  await read(shop);
  assert.deepEqual(server.tokens, [null, "Bearer access-5"]);
});

test("a logout forgets the tokens, also when the session has ended before", async () => {
  for (const outcome of [(): object => ({}), unauthenticated("SESSION_ENDED")]) {
    const { server, shop } = await signedIn();
    server.will("Logout", outcome);
    await shop.session.logout({});
    assert.equal(server.tokens.at(-1), "Bearer access-1");
    assert.equal(shop.token, undefined);
  }
  const { server, shop } = await signedIn();
  server.will("Logout", ...Array.from({ length: 5 }, () => refuse(Code.Unavailable)));
  const logout = shop.session.logout({}, { timeoutMs: 50 });
  await assert.rejects(logout, Unavailable);
  assert.equal(shop.token, "access-1");
});

test("a device token goes with the next login", async () => {
  const server = new FakeShop().will("Login", answer(LoginResponseSchema, { deviceToken: "mine" }));
  const shop = server.client();
  const login = { email: "ann@example.com", password: "secret" };
  await shop.auth.login(login);
  assert.equal(shop.deviceToken, "mine");
  await shop.auth.login(login);
  assert.equal(server.last?.request["deviceToken"], "mine");
  await shop.auth.login({ ...login, deviceToken: "another" });
  assert.equal(server.last.request["deviceToken"], "another");
});

test("an API key is exchanged once for many calls, and again when its token is refused", async () => {
  const given = (accessToken: string): ReturnType<typeof answer> =>
    answer(ExchangeApiKeyResponseSchema, { accessToken, expiresIn: 300 });
  const server = new FakeShop().will("ExchangeApiKey", given("first"), given("second"));
  const clock = new FakeClock();
  const shop = server.client({ clock, apiKey: API_KEY });
  await Promise.all([read(shop), read(shop)]);
  assert.deepEqual(server.tokens, [null, "Bearer first", "Bearer first"]);
  const form = new URLSearchParams(
    new TextDecoder().decode(server.served[0]?.request["data"] as Uint8Array),
  );
  assert.equal(form.get("client_id"), ID);
  assert.equal(form.get("client_secret"), API_KEY);

  server.will("GetUser", unauthenticated("SESSION_ENDED"));
  await read(shop);
  assert.deepEqual(server.tokens.slice(3), ["Bearer first", null, "Bearer second"]);
});

test("what is no API key is refused where it is given", () => {
  const server = new FakeShop();
  const mistyped = API_KEY.slice(0, -1) + (API_KEY.endsWith("0") ? "1" : "0");
  for (const key of ["", "emp_", API_KEY.slice(1), API_KEY.slice(0, -1), mistyped]) {
    assert.throws(() => server.client({ apiKey: key }), TypeError);
  }
  assert.throws(() => server.client({ apiKey: API_KEY, token: "a-token" }), TypeError);
});
