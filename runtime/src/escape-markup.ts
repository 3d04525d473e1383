const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text as it may stand in an element or a quoted attribute of XML. Names come from people. Controls have no place in XML. */
export const escapeMarkup = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (one) => ESCAPES[one] ?? one).replaceAll(/\p{Cc}/gu, '\ufffd');
