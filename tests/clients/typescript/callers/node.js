// Makes the calls that the first argument lists, and prints a line for each.

import { outcomes } from "./outcomes.js";

// A command line has no room for the largest values: `{"repeated": 9}` stands for that many letters.
const long = (_, value) => (value?.repeated ? "x".repeat(value.repeated) : value);
const asked = JSON.parse(process.argv[2], long);
for await (const outcome of outcomes(await import(asked.entry), asked)) console.log(outcome);
