/** Lists are fetched page by page; and every list of the contract can be. */

import assert from "node:assert/strict";
import test from "node:test";

import { create } from "@bufbuild/protobuf";

import {
  ListProductsRequestSchema,
  ListProductsResponseSchema,
} from "../src/gen/emporium/order/v1/catalog_service_pb.js";
import { items, pages } from "../src/paging.js";
import { FakeShop, RPCS, answer } from "./fake-shop.js";

function page(ids: string[], nextPageToken = ""): ReturnType<typeof answer> {
  const products = ids.map((id) => ({ id }));
  return answer(ListProductsResponseSchema, { products, meta: { nextPageToken } });
}

async function all<Item>(sequence: AsyncIterable<Item>): Promise<Item[]> {
  const found = [];
  for await (const item of sequence) {
    found.push(item);
  }
  return found;
}

test("every item comes once, page after page", async () => {
  for (const wrap of [
    <T>(given: T) => given,
    (given: object) => create(ListProductsRequestSchema, given),
  ]) {
    const server = new FakeShop();
    server.will("ListProducts", page(["1", "2"], "more"), page([], "yet more"), page(["3"]));
    const { catalog } = server.client();
    const request = wrap({ sort: "name:asc", page: 2, perPage: 2 });
    const found = await all(items(catalog.listProducts, request, { timeoutMs: 3000 }));
    assert.deepEqual(
      found.map(({ id }) => id),
      ["1", "2", "3"],
    );
    const asked = server.served.map(({ request }) => request);
    assert.deepEqual(
      asked.map(({ page }) => page),
      [2, undefined, undefined],
    );
    assert.deepEqual(
      asked.map(({ pageToken }) => pageToken),
      ["", "more", "yet more"],
    );
    assert.deepEqual(
      asked.map(({ sort }) => sort),
      Array(3).fill("name:asc"),
    );
    assert.deepEqual(
      server.served.map(({ timeoutMs }) => timeoutMs),
      Array(3).fill(3000),
    );
  }
});

test("whoever stops early fetches no more", async () => {
  const server = new FakeShop().will("ListProducts", page(["1", "2"], "more"));
  for await (const { id } of items(server.client().catalog.listProducts, {})) {
    assert.equal(id, "1");
    break;
  }
  assert.equal(server.served.length, 1);
});

test("there is one page at least, which may be empty", async () => {
  const { catalog } = new FakeShop().client();
  assert.equal((await all(pages(catalog.listProducts, {}))).length, 1);
  assert.deepEqual(await all(items(catalog.listProducts, {})), []);
});

test("each list of the contract answers one repeated field", () => {
  const lists = [...RPCS.values()].filter(({ output }) => output.field["meta"] !== undefined);
  assert.ok(lists.length >= 6);
  for (const { input, output } of lists) {
    assert.equal(
      output.fields.filter(({ fieldKind }) => fieldKind === "list").length,
      1,
      output.name,
    );
    assert.ok("pageToken" in input.field && "page" in input.field, input.name);
  }
});
