/** What is repeated when nobody answers, and what never is. */

import assert from "node:assert/strict";
import test from "node:test";

import { Unavailable, EmporiumError } from "../src/errors.js";
import { ATTEMPTS_MAX, RetryBudget, keyOf } from "../src/retries.js";
import type { Shop } from "../src/shop.js";
import {
  FakeClock,
  FakeShop,
  ID,
  RPCS,
  SERVICES,
  answer,
  refuse,
  unavailable,
} from "./fake-shop.js";
import { Code } from "@connectrpc/connect";

// Of what the edge offers. Everything else is safe, or has a key.
const UNSAFE = new Set([
  ...["Login", "ChangePassword", "BeginTotp", "ConfirmTotp"],
  ...["ForgotPassword", "ResetPassword", "VerifyEmail"],
  ...["UpdateUser", "UpdateOrder", "UpdateStock", "UpdateProduct", "UpdateCategory"],
  ...["UpdateShippingMethod", "UpdateShipment", "UpdateReturn"],
  ...["UpdatePromotion", "UpdateTaxRate", "UpdateAddress", "UpdateCart", "UpdateWebhook"],
]);
const KEYED = [...RPCS.values()].filter((method) => keyOf(method) !== undefined);

async function call(shop: Shop, rpc: string): Promise<void> {
  const [name] = [...SERVICES].find(([, { methods }]) => methods.some((m) => m.name === rpc)) ?? [];
  const client = Reflect.get(shop, name ?? "") as Record<
    string,
    (request: object) => Promise<void> & AsyncIterable<void>
  >;
  const called = client[RPCS.get(rpc)?.localName ?? ""]?.({});
  if (called && RPCS.get(rpc)?.methodKind === "server_streaming") {
    for await (const _ of called) return;
  }
  await called;
}

test("a safe call is repeated until somebody answers", async () => {
  for (const rpc of [...RPCS.keys()].filter((name) => !UNSAFE.has(name))) {
    const server = new FakeShop().will(rpc, unavailable);
    await call(server.client(), rpc);
    assert.deepEqual(server.rpcs, [rpc, rpc]);
  }
});

test("an unsafe call is made once", async () => {
  for (const rpc of UNSAFE) {
    const server = new FakeShop().will(rpc, unavailable);
    await assert.rejects(call(server.client(), rpc), Unavailable);
    assert.deepEqual(server.rpcs, [rpc]);
  }
});

test("no other refusal is repeated", async () => {
  for (const code of [Code.Internal, Code.ResourceExhausted, Code.Aborted, Code.Unknown]) {
    const server = new FakeShop().will("GetUser", refuse(code));
    await assert.rejects(server.client().user.getUser({ userId: ID }), EmporiumError);
    assert.deepEqual(server.rpcs, ["GetUser"]);
  }
});

test("a create keeps its key over retries, and each call has a new one", async () => {
  assert.ok(KEYED.length >= 8);
  for (const { name } of KEYED) {
    const server = new FakeShop().will(name, unavailable, unavailable);
    const shop = server.client();
    await call(shop, name);
    await call(shop, name);
    const [first, second, third, other] = server.served.map(({ request }) => request["requestId"]);
    assert.match(
      String(first),
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    assert.deepEqual([second, third], [first, first]);
    assert.notEqual(other, first);
  }
});

test("a key may be chosen, and the caller's message stays as it is", async () => {
  const server = new FakeShop();
  await server.client().order.createOrder({ requestId: "invoice-1" });
  assert.equal(server.last?.request["requestId"], "invoice-1");

  const method = RPCS.get("CreateOrder");
  assert.ok(method);
  const message = answer(method.input, {})(undefined as never) as { requestId: string };
  await server.client().order.createOrder(message);
  assert.equal(message.requestId, "");
  assert.notEqual(server.last.request["requestId"], "");
});

test("after the last attempt the call has failed, after pauses that grow", async () => {
  const clock = new FakeClock(true);
  const server = new FakeShop().will("GetUser", ...Array<typeof unavailable>(9).fill(unavailable));
  await assert.rejects(server.client({ clock }).user.getUser({ userId: ID }), Unavailable);
  assert.equal(server.served.length, ATTEMPTS_MAX);
  [100, 200, 400, 800].forEach((planned, at) => {
    assert.ok(Math.abs((clock.slept[at] ?? 0) - planned) <= planned * 0.2);
  });
});

test("retries end with the deadline, and each attempt is told what is left", async () => {
  const server = new FakeShop().will("GetUser", ...Array<typeof unavailable>(9).fill(unavailable));
  const call = server.client().user.getUser({ userId: ID }, { timeoutMs: 500 });
  await assert.rejects(call, Unavailable);
  assert.equal(server.served.length, 3); // after 0, 100 and 300 ms; the next were after 700
});

test("when nothing gets through, the budget ends the retrying", async () => {
  const server = new FakeShop().will(
    "GetUser",
    ...Array<typeof unavailable>(999).fill(unavailable),
  );
  const shop = server.client();
  const calls = 30;
  const all = Array.from({ length: calls }, () => shop.user.getUser({ userId: ID }));
  assert.ok((await Promise.allSettled(all)).every(({ status }) => status === "rejected"));
  assert.ok(server.served.length >= RetryBudget.MAX / 2);
  assert.ok(server.served.length <= RetryBudget.MAX / 2 + calls);

  server.served.length = 0;
  await assert.rejects(shop.user.getUser({ userId: ID }), Unavailable);
  assert.equal(server.served.length, 1);
});
