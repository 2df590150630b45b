/** What every call has: an id, a deadline, an end that the caller may choose, and a token. */

import assert from "node:assert/strict";
import test from "node:test";

import { Code } from "@connectrpc/connect";

import { Cancelled, DeadlineExceeded } from "../src/errors.js";
import { LoginResponseSchema } from "../src/gen/emporium/user/v1/auth_service_pb.js";
import { RevocationService } from "../src/gen/emporium/user/v1/revocation_service_pb.js";
import { FakeClock, FakeShop, ID, answer, refuse, silence, unavailable } from "./fake-shop.js";

test("a call has a deadline, of its own or the client's", async () => {
  const server = new FakeShop();
  const shop = server.client({ timeoutMs: 7000 });
  await shop.user.getUser({ userId: ID });
  assert.equal(server.last?.timeoutMs, 7000);
  await shop.user.getUser({ userId: ID }, { timeoutMs: 20.5 });
  assert.equal(server.last.timeoutMs, 21);
});

test("a timeout that is none is refused", async () => {
  const server = new FakeShop();
  for (const timeoutMs of [0, -1, NaN, Infinity, 1e9]) {
    assert.throws(() => server.client({ timeoutMs }), RangeError);
    await assert.rejects(server.client().user.getUser({}, { timeoutMs }), RangeError);
  }
  assert.deepEqual(server.rpcs, []);
});

test("a call that nobody answers ends with its deadline", async () => {
  const server = new FakeShop().will("UpdateUser", silence);
  const call = server.client().user.updateUser({ userId: ID }, { timeoutMs: 5 });
  await assert.rejects(call, (error: unknown) => {
    assert.ok(error instanceof DeadlineExceeded);
    assert.equal(error.reason, "DEADLINE_EXCEEDED");
    return true;
  });
});

test("a call has an id, which its failure tells, and which may be chosen", async () => {
  const server = new FakeShop().will("GetUser", unavailable, refuse(Code.NotFound));
  await assert.rejects(server.client().user.getUser({}), (error: unknown) => {
    const ids = server.served.map(({ headers }) => headers.get("x-request-id"));
    assert.deepEqual(ids, [ids[0], ids[0]]);
    assert.equal(Reflect.get(error as object, "requestId"), ids[0]);
    return true;
  });
  await server.client().user.getUser({}, { headers: { "x-request-id": "chosen" } });
  assert.equal(server.last?.headers.get("x-request-id"), "chosen");
});

test("the headers of an answer can be read", async () => {
  let isRead = false;
  await new FakeShop().client().user.getUser({}, { onHeader: () => (isRead = true) });
  assert.ok(isRead);
});

test("whoever made a call may abort it, and it is not made again", async () => {
  const aborting = new AbortController();
  const server = new FakeShop().will("GetUser", (call) => {
    aborting.abort();
    return silence(call);
  });
  const shop = server.client();
  const options = { signal: aborting.signal };
  await assert.rejects(shop.user.getUser({}, options), Cancelled);
  await assert.rejects(shop.user.getUser({}, options), Cancelled);
  assert.deepEqual(server.rpcs, ["GetUser"]);
});

test("closing the client ends its calls, and those that come after", async () => {
  const server = new FakeShop();
  const shop = server.client();
  server.will("GetUser", (call) => {
    shop.close();
    return silence(call);
  });
  await assert.rejects(shop.user.getUser({}), {
    name: "Cancelled",
    message: "the client is closed",
  });
  await assert.rejects(shop.user.getUser({}), Cancelled);
  shop.close();
  assert.deepEqual(server.rpcs, ["GetUser"]);
});

test("a pause between attempts ends with the caller's patience", async () => {
  const clock = new FakeClock();
  const aborting = new AbortController();
  const server = new FakeShop().will("GetUser", unavailable);
  const call = server.client({ clock }).user.getUser({}, { signal: aborting.signal });
  const ended = assert.rejects(call, Cancelled);
  while (clock.slept.length === 0) {
    await new Promise(setImmediate);
  }
  aborting.abort();
  await ended;
});

test("a supplier of tokens is asked for each call, and again when its token is refused", async () => {
  const tokens = ["first", "second", "second", "second"];
  const server = new FakeShop().will(
    "UpdateUser",
    refuse(Code.Unauthenticated, "TOKEN_EXPIRED"),
    () => ({}),
    refuse(Code.Unauthenticated, "TOKEN_EXPIRED"),
  );
  const token = (): Promise<string> => Promise.resolve(tokens.shift() ?? "");
  const shop = server.client({ token, clock: new FakeClock() });
  await shop.user.updateUser({});
  assert.deepEqual(server.tokens, ["Bearer first", "Bearer second"]);
  // Where it has no other, the refusal is final.
  await assert.rejects(shop.user.updateUser({}), { reason: "TOKEN_EXPIRED" });
  assert.deepEqual(server.tokens.slice(2), ["Bearer second"]);
});

test("a call for which the token came too late is not made", async () => {
  const server = new FakeShop();
  const clock = new FakeClock();
  const token = (): Promise<string> => {
    clock.advance(500);
    return Promise.resolve("late");
  };
  const call = server.client({ token, clock }).user.getUser({}, { timeoutMs: 500 });
  await assert.rejects(call, DeadlineExceeded);
  assert.deepEqual(server.rpcs, []);
});

test("a login leaves a supplier of tokens where it is", async () => {
  const server = new FakeShop().will("Login", answer(LoginResponseSchema, { accessToken: "new" }));
  const shop = server.client({ token: () => Promise.resolve("mine"), clock: new FakeClock() });
  await shop.auth.login({});
  await shop.user.getUser({});
  assert.equal(server.tokens.at(-1), "Bearer mine");
});

test("a token is sent as a header can carry it, or refused where it is set", async () => {
  const server = new FakeShop();
  const shop = server.client({ token: "from-a-file\n" });
  await shop.user.getUser({});
  assert.equal(server.tokens.at(-1), "Bearer from-a-file");
  for (const token of ["", "two words", "ümlaut", "line\nline"]) {
    assert.throws(() => (shop.token = token), TypeError);
  }
});

test("what cannot be sent is refused before it is", async () => {
  const server = new FakeShop();
  const call = server.client().catalog.listProducts({ perPage: 1.5 });
  await assert.rejects(call, { name: "InternalError" });
  assert.deepEqual(server.rpcs, []);
});

test("a stream is asked for again until it begins, and not after", async () => {
  const server = new FakeShop().will("WatchRevocations", unavailable, () => ({}), unavailable);
  const stream = server.client().client(RevocationService).watchRevocations({});
  const seen: unknown[] = [];
  await assert.rejects(
    async () => {
      for await (const message of stream) {
        seen.push(message);
      }
    },
    { name: "Unavailable" },
  );
  assert.equal(seen.length, 1);
  assert.equal(server.last?.timeoutMs, NaN);
});

test("whoever stops reading a stream ends its call", async () => {
  const server = new FakeShop();
  for await (const message of server.client().client(RevocationService).watchRevocations({})) {
    assert.ok(message);
    break;
  }
  const signal = server.last?.signal;
  assert.ok(signal);
  while (!signal.aborted) {
    await new Promise(setImmediate);
  }
});

test("a stream whose first token was refused begins with another", async () => {
  const tokens = ["first", "second"];
  const server = new FakeShop();
  server.will("WatchRevocations", refuse(Code.Unauthenticated, "TOKEN_EXPIRED"));
  const token = (): Promise<string> => Promise.resolve(tokens.shift() ?? "");
  const shop = server.client({ token, clock: new FakeClock() });
  const seen: unknown[] = [];
  for await (const message of shop.client(RevocationService).watchRevocations({})) {
    seen.push(message);
  }
  assert.equal(seen.length, 2);
  assert.equal(server.tokens.at(-1), "Bearer second");
});
