/**
 * Lists that are fetched page by page.
 *
 *     for await (const product of items(shop.catalog.listProducts, { sort: "unit_price:desc" })) {
 *       console.log(product.sku);
 *     }
 */

import type { CallOptions } from "@connectrpc/connect";

import type { PageMeta } from "./gen/emporium/type/v1/page_pb.js";

/** The rpc of a list, as a client has it. */
export type List<Request, Page> = (request: Request, options?: CallOptions) => Promise<Page>;

/** What every list answers: its items in one field, and where they stand. */
export interface ListPage {
  readonly meta?: PageMeta | undefined;
}

/** What a page is of: the elements of its one repeated field. */
export type ItemOf<Page> = {
  [Field in FieldOf<Page>]: Page[Field] extends (infer Item)[] ? Item : never;
}[FieldOf<Page>];
type FieldOf<Page> = Exclude<keyof Page, `$${string}`>;

/**
 * Yields every item, fetching a page when the one before is used up; to stop early fetches no more.
 *
 * `options` are for the call of each page. Rejects as the list's rpc does.
 */
export async function* items<Request extends object, Page extends ListPage>(
  list: List<Request, Page>,
  request: Request,
  options?: CallOptions,
): AsyncGenerator<ItemOf<Page>, void, undefined> {
  for await (const page of pages(list, request, options)) {
    yield* itemsOf(page);
  }
}

/** Yields each page in turn, from the one asked for; at least one, which may be empty. */
export async function* pages<Request extends object, Page extends ListPage>(
  list: List<Request, Page>,
  request: Request,
  options?: CallOptions,
): AsyncGenerator<Page, void, undefined> {
  let page = await list(request, options);
  yield page;
  for (let token = nextOf(page); token !== ""; token = nextOf(page)) {
    // The token replaces the number of a page; the two exclude each other.
    page = await list({ ...request, page: undefined, pageToken: token }, options);
    yield page;
  }
}

function nextOf(page: ListPage): string {
  return page.meta?.nextPageToken ?? "";
}

/** What `page` holds. Every list of the contract has one repeated field, which a test compares. */
function itemsOf<Page extends ListPage>(page: Page): ItemOf<Page>[] {
  const found = Object.entries(page).find(
    ([name, value]) => name !== "$unknown" && Array.isArray(value),
  );
  return (found?.[1] ?? []) as ItemOf<Page>[];
}
