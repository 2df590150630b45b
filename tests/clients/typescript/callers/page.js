// Makes the calls that the page's server lists, and tells it what came of them.

import * as client from "@emporium/client";

import { outcomes } from "./outcomes.js";

const asked = await (await fetch("/calls.json")).json();
const told = [];
try {
  for await (const outcome of outcomes(client, asked)) told.push(outcome);
} catch (error) {
  told.push(JSON.stringify(String(error)));
}
await fetch("/outcomes", { method: "POST", body: told.join("\n") });
