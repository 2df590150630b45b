// Makes src/gen/ of the contract's image: its types and descriptors, and the list of services.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { create, createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";

import { withoutOptions } from "./options.js";
import { listOfServices } from "./services.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const GENERATED = join(ROOT, "src", "gen");
const PLUGIN = join(ROOT, "node_modules", "@bufbuild", "protoc-gen-es", "bin", "protoc-gen-es");
const IMAGE = process.argv[2] ?? join(ROOT, "..", "..", "protos", "emporium.binpb");

/** The file's descriptors are part of the runtime library. */
function isWellKnown(name) {
  return name.startsWith("google/protobuf/");
}

function messages(files) {
  const request = create(CodeGeneratorRequestSchema, {
    parameter: "target=ts,import_extension=js",
    fileToGenerate: files.map((file) => file.name).filter((name) => !isWellKnown(name)),
    protoFile: files,
  });
  const done = spawnSync(process.execPath, [PLUGIN], {
    input: toBinary(CodeGeneratorRequestSchema, request),
    maxBuffer: 64 * 1024 * 1024,
  });
  if (done.status !== 0) {
    throw new Error(`protoc-gen-es: ${done.stderr}`);
  }
  const response = fromBinary(CodeGeneratorResponseSchema, done.stdout);
  if (response.error) {
    throw new Error(`protoc-gen-es: ${response.error}`);
  }
  return response.file;
}

const image = fromBinary(FileDescriptorSetSchema, readFileSync(IMAGE));
const services = listOfServices(createFileRegistry(image));
rmSync(GENERATED, { recursive: true, force: true });
for (const { name, content } of [...messages(withoutOptions(image.file)), services]) {
  const path = join(GENERATED, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
