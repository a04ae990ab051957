import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `FLYTELIKE_HTTP` is the platform that `npm run dev` speaks to.
const platform = process.env.FLYTELIKE_HTTP ?? "http://127.0.0.1:8088";

export default defineConfig({
  base: "/console/",
  plugins: [react()],
  build: {
    outDir: process.env.FLYTELIKE_CONSOLE_OUT ?? "../static",
    emptyOutDir: true,
    target: "es2022",
    // No inline script or style: the pages' Content-Security-Policy allows none.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 2000,
  },
  server: { proxy: { "/api": platform } },
  test: { include: ["src/**/*.test.{ts,tsx}"] },
});
