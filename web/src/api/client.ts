/** A refusal by the server (RFC 9457 problem) or a line that is down, in one form a page can put into words. */
export class Problem extends Error {
  constructor(
    /** 0: the server was not reached. */
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly reference: string,
    readonly errors: Readonly<Record<string, string[]>> = {},
  ) {
    super(detail || title);
    this.name = 'Problem';
  }

  get isNetwork(): boolean {
    return this.status === 0;
  }
}

export const base = '/api/v1';

type Query = Record<string, string | number | boolean | null | undefined>;

export function withQuery(path: string, query: Query = {}): string {
  const parts = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined && value !== null && value !== '') parts.set(key, String(value));
  const text = parts.toString();
  return text ? `${path}?${text}` : path;
}

async function request<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(base + path, {
      method,
      signal,
      credentials: 'same-origin',
      headers: {
        Accept: 'application/json',
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        // The server takes no change from a cookie without it; a foreign page cannot set it.
        ...(method === 'GET' ? {} : { 'X-Headwater': '1' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem(0, '', '', '');
  }
  const text = await response.text();
  if (!response.ok) throw toProblem(response.status, text);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

export function toProblem(status: number, text: string): Problem {
  try {
    const problem = JSON.parse(text) as { title?: string; detail?: string; reference?: string; errors?: Record<string, string[]> };
    return new Problem(status, problem.title ?? '', problem.detail ?? '', problem.reference ?? '', problem.errors ?? {});
  } catch {
    return new Problem(status, '', '', '');
  }
}

export const api = {
  get: <T>(path: string, query?: Query, signal?: AbortSignal) => request<T>('GET', withQuery(path, query), undefined, signal),
  post: <T>(path: string, body: unknown = {}) => request<T>('POST', path, body),
  put: <T>(path: string, body: unknown = {}) => request<T>('PUT', path, body),
  patch: <T>(path: string, body: unknown = {}) => request<T>('PATCH', path, body),
  delete: <T>(path: string, query?: Query) => request<T>('DELETE', withQuery(path, query)),
};

export const segment = encodeURIComponent;
