import type { PluginOption } from 'vite';
import { defineConfig } from 'vitest/config';
import react from '@vitejs/plugin-react';

// HEADWATER names a running server for `npm run dev`; `npm run mock` needs none.
const server = process.env['HEADWATER'] ?? 'http://127.0.0.1:8080';

export default defineConfig(async ({ mode }) => {
  const plugins: PluginOption[] = [react()];
  if (mode === 'mock') {
    const { mockServer } = await import('./mock/plugin.ts');
    plugins.push(mockServer());
  }
  const proxy: Record<string, string | { target: string; ws: boolean }> = mode === 'mock' ? {} : { '/api': server, '/openapi': server, '/mqtt': { target: server, ws: true } };
  return {
    plugins,
    server: { host: '127.0.0.1', proxy },
    preview: { host: '127.0.0.1', proxy },
    build: {
      target: 'es2022',
      // Every asset name carries its content's hash, so the server may let browsers keep it for ever.
      rollupOptions: { output: { entryFileNames: 'assets/[name]-[hash].js', chunkFileNames: 'assets/[name]-[hash].js', assetFileNames: 'assets/[name]-[hash][extname]' } },
      // A data: URL would need its own grant in the content policy.
      assetsInlineLimit: 0,
      manifest: true,
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 900,
    },
    test: { include: ['tests/**/*.test.ts'], environment: 'node' },
  };
});
