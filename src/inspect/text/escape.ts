/** Any text as XML and HTML have it: what they cannot hold becomes U+FFFD. */
export function escaped(text: string): string {
  return text
    .replace(/[\p{Cs}\ufffe\uffff]/gu, "\ufffd")
    .replace(/(?![\t\n\r])\p{Cc}/gu, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
