/** Bytes for people: text where it is text, hexadecimal rows of 16 otherwise. */
export function fromBase64(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

/** The text of valid UTF-8 without control characters other than tab and line ends; null for anything else. */
export function asText(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

export interface HexRow { offset: string; hex: string; text: string }

export function hexRows(bytes: Uint8Array, limit = 4096): HexRow[] {
  const rows: HexRow[] = [];
  const end = Math.min(bytes.length, limit);
  for (let start = 0; start < end; start += 16) {
    const part = bytes.subarray(start, Math.min(start + 16, end));
    const digits = Array.from(part, (byte) => byte.toString(16).padStart(2, '0'));
    rows.push({
      offset: start.toString(16).padStart(4, '0'),
      hex: `${digits.slice(0, 8).join(' ')}${digits.length > 8 ? '  ' : ''}${digits.slice(8).join(' ')}`,
      text: Array.from(part, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join(''),
    });
  }
  return rows;
}

/** JSON laid out over lines when the text is JSON; otherwise null. Numbers keep their digits, for they are moved as text. */
export function prettyJson(text: string): string | null {
  const trimmed = text.trim();
  if (!/^[[{]/.test(trimmed)) return null;
  try {
    JSON.parse(trimmed);
  } catch {
    return null;
  }
  let out = '';
  let depth = 0;
  let inString = false;
  for (let index = 0; index < trimmed.length; index++) {
    const c = trimmed.charAt(index);
    if (inString) {
      out += c;
      if (c === '\\') { out += trimmed.charAt(++index); } else if (c === '"') inString = false;
      continue;
    }
    if (c === '"') { inString = true; out += c; continue; }
    if (/\s/.test(c)) continue;
    if (c === '{' || c === '[') {
      const close = /^\s*[}\]]/.exec(trimmed.slice(index + 1));
      if (close) { out += c + close[0].trim(); index += close[0].length; continue; }
      depth++;
      out += `${c}\n${'  '.repeat(depth)}`;
    } else if (c === '}' || c === ']') {
      depth--;
      out += `\n${'  '.repeat(depth)}${c}`;
    } else if (c === ',') out += `,\n${'  '.repeat(depth)}`;
    else if (c === ':') out += ': ';
    else out += c;
  }
  return out;
}
