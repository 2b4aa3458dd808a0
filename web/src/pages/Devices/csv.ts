import type { Reading } from '../../api/types';

/** RFC 4180 with UTC instants and the value's own digits. A cell that a spreadsheet would run as a formula gets a leading apostrophe. */
export function toCsv(rows: readonly Reading[]): string {
  const lines = [['at', 'value', 'unit', 'quality', 'suspicions', 'commit_number', 'ordinal', 'received_at']];
  for (const row of rows) lines.push([row.at, row.value, row.unit, row.quality, row.suspicions.join(' '), row.commitNumber, String(row.ordinal), row.receivedAt]);
  return lines.map((line) => line.map(cell).join(',')).join('\r\n') + '\r\n';
}

export function cell(text: string): string {
  const safe = /^[=+@\t\r]|^-(?![\d.])/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }));
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
