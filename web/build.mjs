/**
 * The build: bundles styles and scripts into dist/ under hashed names and writes dist/manifest.json.
 * Writes compressed variants of text files beside them, NAME.br and NAME.gz, where these are smaller.
 *
 * The manifest maps a plain name to its hashed one: {"app.js": "app-ABCD1234.js"}.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import * as esbuild from "esbuild";
import { compileLanguages } from "./languages.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(here, "dist");

/** Browsers of 2023 and later: they have OKLCH, :has, container queries and module scripts. */
const target = ["chrome111", "firefox121", "safari16.4"];

const entryPoints = {
  theme: "scripts/theme.js",
  app: "scripts/app.js",
  watch: "scripts/watch.js",
  guest: "scripts/guest.js",
  "live-worker": "scripts/live-worker.js",
  drop: "scripts/drop.js",
  upload: "scripts/upload.js",
  "service-worker": "scripts/service-worker.js",
  edit: "scripts/edit.js",
  cut: "scripts/cut.js",
};
const styles = { app: "styles/app.css" };

/** Files that are copied unchanged: [plain name, path]. */
const plainFiles = [
  ["i.svg", path.join(here, "images/icons.svg")], // a short name: a page contains it a hundred times
  ["drawings.svg", path.join(here, "images/drawings.svg")],
  ["icon.svg", path.join(here, "images/icon.svg")],
  ["touch-icon.png", path.join(here, "images/touch-icon.png")],
  ["app-icon-192.png", path.join(here, "images/app-icon-192.png")],
  ["app-icon-512.png", path.join(here, "images/app-icon-512.png")],
  ["app-icon-maskable.png", path.join(here, "images/app-icon-maskable.png")],
  ["inter.LICENSE.txt", path.join(here, "node_modules/@fontsource-variable/inter/LICENSE")],
];

const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  target,
  outdir: dist,
  entryNames: "[name]-[hash]",
  chunkNames: "chunk-[hash]",
  assetNames: "[name]-[hash]",
  metafile: true,
  legalComments: "linked",
  logLevel: "warning",
  loader: { ".svg": "file", ".png": "file", ".woff2": "file" },
};

/** Adds an esbuild result's entry points to the manifest, and the fonts that they load. */
function collect(manifest, metafile) {
  for (const [file, output] of Object.entries(metafile.outputs)) {
    const source = output.entryPoint ?? Object.keys(output.inputs).find((name) => name.endsWith(".woff2"));
    if (source) manifest[path.basename(source)] = path.basename(file);
  }
}

/** Copies one file under a hashed name. */
async function copyHashed(manifest, name, source) {
  await writeHashed(manifest, name, await readFile(source));
}

/** Writes one file under a hashed name. */
async function writeHashed(manifest, name, bytes) {
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 8).toUpperCase();
  const extension = path.extname(name);
  const hashed = `${name.slice(0, -extension.length)}-${hash}${extension}`;
  await writeFile(path.join(dist, hashed), bytes);
  manifest[name] = hashed;
}

/** Suffixes of text files, which are compressed. */
const compressible = /\.(?:js|css|svg)$/;

/** Writes the compressed variants of one file at the highest level: it is done once, in the build. */
async function compress(file) {
  const bytes = await readFile(file);
  const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } };
  const variants = [
    [".br", await promisify(brotliCompress)(bytes, brotli)],
    [".gz", await promisify(gzip)(bytes, { level: 9 })],
  ];
  for (const [suffix, packed] of variants) {
    if (packed.length < bytes.length) await writeFile(`${file}${suffix}`, packed);
  }
}

async function build() {
  await rm(dist, { recursive: true, force: true });
  await mkdir(dist, { recursive: true });
  const manifest = {};
  const { theme, ...modules } = entryPoints;
  const results = await Promise.all([
    esbuild.build({ ...common, entryPoints: modules, format: "esm" }),
    // The theme is set before the first paint: a classic, blocking script.
    esbuild.build({ ...common, entryPoints: { theme }, format: "iife" }),
    esbuild.build({ ...common, entryPoints: styles }),
  ]);
  for (const result of results) collect(manifest, result.metafile);
  for (const [name, source] of plainFiles) await copyHashed(manifest, name, source);
  await mkdir(path.join(dist, "languages"));
  for (const { tag, compiled, script } of await compileLanguages(path.join(here, "languages"))) {
    await writeFile(path.join(dist, "languages", `${tag}.mo`), compiled);
    await writeHashed(manifest, `texts-${tag}.js`, script);
  }
  const texts = (await readdir(dist)).filter((name) => compressible.test(name));
  await Promise.all(texts.map((name) => compress(path.join(dist, name))));
  const sorted = Object.fromEntries(Object.entries(manifest).sort());
  await writeFile(path.join(dist, "manifest.json"), `${JSON.stringify(sorted, null, 2)}\n`);
  return sorted;
}

const manifest = await build();
console.log(`web/dist: ${Object.keys(manifest).join(", ")}`);
