// Generates the typed client (src/gen) from the project's .proto files; nothing of it is committed.
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const web = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const proto = process.env.FLYTELIKE_IDL ?? resolve(web, "../../../idl/proto");
const bin = resolve(web, "node_modules/.bin");
const template = {
  version: "v2",
  plugins: [{ local: resolve(bin, "protoc-gen-es"), out: "src/gen", opt: ["target=ts"] }],
};
rmSync(resolve(web, "src/gen"), { recursive: true, force: true });
execFileSync(resolve(bin, "buf"), ["generate", proto, "--template", JSON.stringify(template)], {
  cwd: web,
  stdio: "inherit",
});
