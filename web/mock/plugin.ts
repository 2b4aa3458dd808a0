import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Plugin } from 'vite';
import { World, type Reply } from './world.ts';

/**
 * A stand-in for the server while pages are built: `npm run mock`. Never part of the built app.
 * GET /api/v1/__mock?devices=100000&latency=800&fail=/devices&empty=1 sets the scene for a screenshot.
 */
export function mockServer(): Plugin {
  const world = new World();
  const handle = (request: IncomingMessage, response: ServerResponse, next: () => void) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (!url.pathname.startsWith('/api/v1/')) { next(); return; }
    const path = url.pathname.slice('/api/v1'.length);
    if (path === '/live') { live(world, url, request, response); return; }
    let body = '';
    request.on('data', (chunk) => { body += chunk; });
    request.on('end', () => {
      const reply: Reply = world.answer(request.method ?? 'GET', path, url.searchParams, body ? (JSON.parse(body) as Record<string, unknown>) : {});
      setTimeout(() => {
        response.statusCode = reply.status;
        response.setHeader('Content-Type', reply.status >= 400 ? 'application/problem+json' : 'application/json');
        response.end(reply.body === undefined ? '' : JSON.stringify(reply.body));
      }, path === '/__mock' || path === '/session' ? 0 : world.scene.latency);
    });
  };
  return {
    name: 'headwater-mock',
    configureServer(server) { server.middlewares.use(handle); },
    configurePreviewServer(server) {
      // The policy the real server sends, so that what it forbids fails here too. (The development server needs inline scripts and gets none.)
      server.middlewares.use((_request, response, next) => {
        response.setHeader('Content-Security-Policy', "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; manifest-src 'self'; worker-src 'self'; connect-src 'self' ws://127.0.0.1:9001; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
        next();
      });
      server.middlewares.use(handle);
    },
  };
}

function live(world: World, url: URL, request: IncomingMessage, response: ServerResponse): void {
  if (!world.scene.live) { response.statusCode = 503; response.end(); return; }
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  response.write(': hello\n\n');
  const topics = (url.searchParams.get('topics') ?? 'overview').split(',');
  const timer = setInterval(() => {
    if (!world.scene.live) { response.end(); return; }
    for (const topic of topics) {
      const data = world.liveEvent(topic);
      if (data !== undefined) response.write(`event: ${topic}\ndata: ${JSON.stringify(data)}\n\n`);
    }
  }, 1000);
  request.on('close', () => clearInterval(timer));
}
